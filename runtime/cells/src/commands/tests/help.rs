//! Help of the commands, by each way to it.

use super::lab::Lab;
use super::*;

#[tokio::test]
async fn help_is_three_ways_the_same() {
    let mut lab = Lab::open().await;
    let all = lab.run("help").await.unwrap();
    for command in TABLE {
        assert!(text(&all).contains(&format!("\n  :{}", command.name())), "{}", command.name());
        let name = command.name();
        let help = lab.run(&format!("help {name}")).await.unwrap();
        assert_eq!(text(&help), text(&lab.run(&format!("help :{name}")).await.unwrap()));
        assert_eq!(text(&help), text(&lab.run(&format!("{name} --help")).await.unwrap()), "{name}");
        assert_eq!(text(&help), inspect(&format!("let a = 1;\n:{name} x"), 13).unwrap().text);
    }
    expect![[r#"
        Run a model in a browser: its output, and a report of where it ran and how long each part took

        Usage: :accelerate [OPTIONS] <MODEL> <INPUT>...

        Arguments:
          <MODEL>     A model's name, its CID, or the path of its folder, which is added first
          <INPUT>...  Texts, one a row of the batch

        Options:
              --platform <PLATFORM>        Where in the page the model runs [default: auto] [possible
                                           values: auto, webgpu, webnn, wasm]
              --browser <BROWSER>          Which browser runs it [default: auto] [possible values: auto,
                                           chrome, firefox, edge, safari]
              --precision <BITS>           Bits a weight; below 32 what the model's folder publishes, or
                                           what is made of its fp32 once. `auto` is the highest that fits
                                           the adapter and the memory [default: 32] [possible values: auto,
                                           2, 4, 8, 16, 32]
              --mixed-precision            Keep embeddings, the first and last block and heads at a higher
                                           precision
              --recipe <RECIPE>            How the precision is made, in place of these two: a recipe's JSON
                                           (docs/precision.md), or a file that holds it
              --memory-limit <BYTES>       What the model may take where the precision is `auto`, e.g. 500M
                                           [default: what is free]
              --graph <PATH>               The ONNX file in the model's folder that runs, or `checkpoint`
                                           for the graph that is built of its weights [default: what is
                                           built, else what is published]
              --prompt <NAME>              The prompt that is put before each text, by its name in the
                                           model's config_sentence_transformers.json; "" for none [default:
                                           the model's own default]
              --truncate-dim <N>           Dimensions that are kept of each vector, from the first; they are
                                           not scaled anew
              --on-long <ON_LONG>          What happens to a text with more tokens than the model takes
                                           [default: truncate] [possible values: truncate, error, split]
              --use-firefox-optimizations  Firefox's compute shader settings for audio models (refused for
                                           other models)
              --require-real-hardware      Make a software adapter an error
              --allow-fallback             Let nodes, or the whole graph, run elsewhere than asked; the
                                           report says which did
              --repeat <N>                 Run this many times in the same session; then a table of all runs
                                           follows [default: 1]
              --every-route                Run on every browser and platform of this machine and compare
                                           each with wasm
          -h, --help                       Print help

        Examples:
          :accelerate all-MiniLM-L6-v2 "The quick brown fox" --platform webgpu --browser firefox
          :accelerate all-MiniLM-L6-v2 one two three --repeat 10
          :accelerate all-MiniLM-L6-v2 "The quick brown fox" --every-route
          :accelerate all-MiniLM-L6-v2 "The quick brown fox" --precision auto --memory-limit 50M
    "#]]
    .assert_eq(text(&lab.run("help accelerate").await.unwrap()));
}

#[test]
fn inspection_is_of_the_command_under_the_cursor() {
    let markdown = |code: &str, cursor| inspect(code, cursor).map(|found| found.markdown);
    assert!(markdown("é\n\n:sql SELECT 1\nx", 6).unwrap().starts_with("## `:sql`"));
    assert_eq!(markdown("é\n\n:sql SELECT 1\nx", 1), None);
    assert_eq!(markdown(":nothing", 3), None);
    assert_eq!(markdown("let s = \"\n:help\";", 12), None);
}
