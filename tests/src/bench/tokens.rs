//! How fast texts are tokenized on the host.

use std::time::Instant;

use pelago_protocol::OnLong;
use pelago_text::EncodeOptions;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::Failure;
use crate::models::Models;
use crate::stats::Sample;
use crate::table::{Table, number};
use crate::verdict::Verdict;

/// Texts of a batch.
const TEXTS: usize = 10_000;
/// Batches that are timed.
const TURNS: usize = 5;
/// Texts a second that one core is to do.
const WANTED: f64 = 50_000.0;

/// Words of search queries.
const WORDS: [&str; 40] = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "you",
    "that",
    "it",
    "for",
    "on",
    "with",
    "as",
    "are",
    "this",
    "from",
    "have",
    "weather",
    "forecast",
    "restaurant",
    "cheap",
    "flights",
    "python",
    "install",
    "error",
    "kubernetes",
    "translation",
    "recipe",
    "chocolate",
    "marathon",
    "training",
    "history",
    "empire",
    "quantum",
    "computer",
    "guitar",
    "lesson",
    "photosynthesis",
    "mortgage",
    "calculator",
];

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let mut random = StdRng::seed_from_u64(7);
    let text = |random: &mut StdRng| {
        let count = random.random_range(3..9);
        (0..count).map(|_| WORDS[random.random_range(0..WORDS.len())]).collect::<Vec<_>>().join(" ")
    };
    let texts: Vec<String> = (0..TEXTS).map(|_| text(&mut random)).collect();
    let options = EncodeOptions { prompt: None, on_long: OnLong::Error };
    let mut table = Table::new(&["texts", "threads", "texts a second, median", "least"]);
    let mut each = Vec::new();
    let mut together = Vec::new();
    let mut tokens = 0;
    for _ in 0..TURNS {
        let began = Instant::now();
        tokens = models.text.encode(&texts, options)?.ids.len();
        together.push(TEXTS as f64 / began.elapsed().as_secs_f64());
        // A text by itself is tokenized on the thread that asks.
        let began = Instant::now();
        for text in &texts {
            models.text.encode(std::slice::from_ref(text), options)?;
        }
        each.push(TEXTS as f64 / began.elapsed().as_secs_f64());
    }
    let (each, together) = (Sample(each), Sample(together));
    let mut row = |name: &str, threads: &str, sample: &Sample| {
        table.row([name.to_owned(), threads.to_owned(), number(sample.p50()), number(sample.min())]);
    };
    row("one at a time", "1", &each);
    row("10,000 at once", "all", &together);
    table.print(&format!(
        "{TEXTS} texts of 3 to 8 words, {} tokens each on average",
        number(tokens as f64 / TEXTS as f64)
    ));
    let found = format!("{} a second", number(each.p50()));
    Ok(vec![Verdict::new("tokenizing short texts, one core", "≥ 50,000 texts a second", found, each.p50() >= WANTED)])
}
