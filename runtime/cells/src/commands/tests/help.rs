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
              --platform <PLATFORM>   Where in the page the model runs [default: auto] [possible values:
                                      auto, webgpu, webnn, wasm]
              --browser <BROWSER>     Which browser runs it [default: auto] [possible values: auto, chrome,
                                      firefox, edge, safari]
              --precision <BITS>      Bits a weight; below 32 what the model's folder publishes, or what is
                                      made of its fp32 once. `auto` is the highest that fits the adapter and
                                      the memory [default: 32] [possible values: auto, 2, 4, 8, 16, 32]
              --mixed-precision       Keep embeddings, the first and last block and heads at a higher
                                      precision
              --recipe <RECIPE>       How the precision is made, in place of these two: a recipe's JSON
                                      (docs/precision.md), or a file that holds it
              --memory-limit <BYTES>  What the model may take where the precision is `auto`, e.g. 500M
                                      [default: what is free]
              --graph <PATH>          The ONNX file in the model's folder that runs, or `checkpoint` for the
                                      graph that is built of its weights [default: what is built, else what
                                      is published]
              --prompt <NAME>         The prompt that is put before each text, by its name in the model's
                                      config_sentence_transformers.json; "" for none [default: the model's
                                      own default]
              --truncate-dim <N>      Dimensions that are kept of each vector, from the first; they are not
                                      scaled anew
              --on-long <ON_LONG>     What happens to a text with more tokens than the model takes [default:
                                      truncate] [possible values: truncate, error, split]
              --task <TASK>           What is done with the model [default: what its configuration says]
                                      [possible values: feature-extraction, text-classification,
                                      token-classification, fill-mask, question-answering,
                                      zero-shot-classification, text-generation, text2text-generation]
          -h, --help                  Print help

        Models that label texts, find entities, fill masks or answer questions:
              --pair <TEXT>            The second text of a pair: what answers the question, a document for
                                       the query, a sentence that may follow. Once for each text, or several
                                       for one
              --labels <LABELS>        Labels that the texts may get, of a model of natural language
                                       inference (zero-shot-classification)
              --hypothesis <SENTENCE>  The sentence that says such a label, with {} in its place [default:
                                       "This example is {}."]
              --multi-label            Say of each of such labels whether it is true; otherwise one of them
                                       is
              --top <N>                Labels, tokens for a mask, or answers that are kept, the best first
                                       [default: all labels, 5 tokens, 1 answer]
              --max-answer-len <N>     Tokens that an answer may have [default: 15]
              --max-seq-len <N>        Tokens of a question with a piece of its text, where a long one is
                                       read in pieces [default: 384, or what the model takes]
              --doc-stride <N>         Tokens that a piece shares with the one before it [default: 128, or
                                       half a piece]

        Models that make text:
              --chat                         Put the text to the model as a message of a chat, by the
                                             model's own chat template
              --system <TEXT>                What the chat begins with, as its system message
              --max-new-tokens <N>           Tokens that an answer may have [default: what the model says,
                                             else 256]
              --max-seconds <SECONDS>        Seconds after which an answer ends as it is
              --temperature <T>              How evenly tokens are drawn: 0 takes the most likely one
                                             [default: what the model says, else 0]
              --top-k <N>                    Draw only from this many of the most likely tokens; 0 for all
              --top-p <P>                    Draw only from the most likely tokens whose probabilities add
                                             up to this
              --min-p <P>                    Draw only from tokens of at least this times the greatest
                                             probability
              --repetition-penalty <X>       Make tokens that prompt or answer have already less likely:
                                             above 1
              --frequency-penalty <X>        Taken off a token's logit as often as the answer has it
              --presence-penalty <X>         Taken off the logit of a token that the answer has
              --no-repeat-ngram <N>          Let no sequence of this many tokens come twice; 0 lets any
              --min-new-tokens <N>           Tokens that an answer has at least [default: what the model
                                             says, else 0]
              --beams <N>                    Search for the likeliest answer among this many that grow
                                             together [default: what the model says, else 1]
              --length-penalty <X>           In that search, prefer long answers: above 0 [default: what the
                                             model says, else 1]
              --early-stopping <WHEN>        When that search ends [default: what the model says, else
                                             likely] [possible values: first, likely, never]
              --schema <SCHEMA>              Make JSON that this JSON schema allows: its text, or a file
                                             that holds it
              --chat-template-kwargs <JSON>  Variables for the model's chat template, as JSON, e.g.
                                             {"enable_thinking": false}
              --seed <N>                     Where the random numbers begin: equal seeds give equal text
                                             [default: another one each time]
              --stop <TEXT>                  A text that ends an answer; may be given several times
              --logprobs <N>                 Give the logarithm of each token's probability, and of this
                                             many of the most likely ones (`--json`)
              --no-capture                   Let WebGPU encode its work for each token anew
              --use-firefox-optimizations    Firefox's compute shader settings for audio models (refused for
                                             other models)
              --require-real-hardware        Make a software adapter an error
              --allow-fallback               Let nodes, or the whole graph, run elsewhere than asked; the
                                             report says which did
              --repeat <N>                   Run this many times in the same session; then a table of all
                                             runs follows [default: 1]
              --every-route                  Run on every browser and platform of this machine and compare
                                             each with wasm

        Examples:
          :accelerate all-MiniLM-L6-v2 "The quick brown fox" --platform webgpu --browser firefox
          :accelerate all-MiniLM-L6-v2 one two three --repeat 10
          :accelerate all-MiniLM-L6-v2 "The quick brown fox" --every-route
          :accelerate all-MiniLM-L6-v2 "The quick brown fox" --precision auto --memory-limit 50M
          :accelerate distilbert-sst2 "I loved it" "never again"
          :accelerate ms-marco-minilm "what is a kernel" --pair "It runs cells" --pair "Corn has it"
          :accelerate deberta-nli "We walked along the river" --labels travel,cooking
          :accelerate bert-base-uncased "Paris is the [MASK] of France" --task fill-mask --top 3
          :accelerate smollm2 "Once upon a time" --max-new-tokens 60
          :accelerate smollm2 "What is the capital of France?" --chat --temperature 0.2 --seed 7
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
