//! What a text model's folder may get wrong. Each message names the file.

/// An error of a text model's folder, or of a text for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that is needed.
    #[error("{file} is missing: {help}")]
    Missing {
        /// Path in the folder.
        file: String,
        /// What to do.
        help: &'static str,
    },
    /// A file that is not what its name says.
    #[error("{file} cannot be read: {problem}. Download the file again, or save the model anew")]
    Damaged {
        /// Path in the folder.
        file: String,
        /// What was expected, and what was found.
        problem: String,
    },
    /// A setting, or a module, that Pelago does not compute.
    #[error("{file}: {what} is not supported: {help}")]
    Unsupported {
        /// Path in the folder.
        file: String,
        /// The setting or module, by its name in the file.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// A path that leads out of the model's folder.
    #[error("{file} names {path:?}, which is outside of the model's folder: it is not read")]
    Outside {
        /// The file that names it.
        file: String,
        /// The path.
        path: String,
    },
    /// A tensor of a module.
    #[error("{file}: expected the tensor {name} to have the shape {expected:?}, found {actual:?}")]
    Shape {
        /// Path in the folder.
        file: String,
        /// The tensor's name.
        name: String,
        /// As the module's config says.
        expected: Vec<usize>,
        /// As it is.
        actual: Vec<usize>,
    },
    /// A pickle that holds more than tensors.
    #[error(
        "{file} is a pickle that calls {what}, and a pickle may run any code: only tensors are read. Save the module as model.safetensors"
    )]
    Pickle {
        /// Path in the folder.
        file: String,
        /// What it would call.
        what: String,
    },
    /// A prompt that the model does not have.
    #[error("the model has no prompt {name:?}; it has {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    NoPrompt {
        /// The name that was asked for.
        name: String,
        /// Names in `config_sentence_transformers.json`.
        known: Vec<String>,
    },
    /// A text longer than the model takes.
    #[error("text {number} has {tokens} tokens, and the model takes {most}")]
    TooLong {
        /// The first is 1.
        number: usize,
        /// Its tokens, special ones included.
        tokens: usize,
        /// The most that the model takes.
        most: usize,
    },
    /// A text that gives no token at all.
    #[error("text {number} is empty, and this model puts no special tokens around a text: there is nothing to embed")]
    NoTokens {
        /// The first is 1.
        number: usize,
    },
    /// A token that the model's table of embeddings lacks.
    #[error(
        "text {number} has the token {token}, and the model's table has {rows} rows: the tokenizer is of another model"
    )]
    TokenBeyondTable {
        /// The text's number, from 1.
        number: usize,
        /// The token's id.
        token: u32,
        /// Rows of the table (`vocab_size`).
        rows: usize,
    },
    /// More dimensions than the model's vectors have.
    #[error("{asked} dimensions were asked for, and the model's vectors have {dimensions}")]
    Dimensions {
        /// What was asked for.
        asked: usize,
        /// What there is.
        dimensions: usize,
    },
    /// The tokenizer refused a text.
    #[error("text {number} cannot be tokenized: {problem}")]
    Tokenize {
        /// The text's number, from 1.
        number: usize,
        /// What the tokenizer said.
        problem: String,
    },
    /// A text that gives no token to go on from.
    #[error("text {number} gives no tokens, and there is nothing to continue: write at least one word")]
    EmptyPrompt {
        /// The first is 1.
        number: usize,
    },
    /// An id that is no token of the model.
    #[error("the token {id} is beyond the vocabulary of {tokens}: the tokenizer is of another model than the graph")]
    UnknownToken {
        /// The id.
        id: u32,
        /// Tokens of the vocabulary, or rows of the table of embeddings where these are more.
        tokens: usize,
    },
    /// The tokenizer could not make a text of ids.
    #[error("{tokens} tokens cannot be decoded: {problem}. The decoder in tokenizer.json does not fit its vocabulary")]
    Decode {
        /// How many ids there were.
        tokens: usize,
        /// What the tokenizer said.
        problem: String,
    },
    /// Messages for a model without a chat template, or without a default one.
    #[error(
        "the model has no chat template{}: give it a text instead of messages, or put a chat_template.jinja into its folder",
        if known.is_empty() { String::new() } else { format!(" of the name default in {file}, which has {}", known.join(", ")) }
    )]
    NoTemplate {
        /// The file with the templates that there are; empty where there is none.
        file: String,
        /// The names of these.
        known: Vec<String>,
    },
    /// A chat template that is no Jinja, or that fails on the messages.
    #[error(
        "{file}: the chat template fails: {problem}. Check the roles and their order, give the model a text instead of messages, or correct the template"
    )]
    Template {
        /// The file that it stands in.
        file: String,
        /// What the engine said, with the line.
        problem: String,
    },
    /// A chat template that says why it does not take the messages.
    #[error("the model's chat template does not take these messages: {message}")]
    TemplateRefused {
        /// In the template's own words.
        message: String,
    },
    /// A chat template that does too much work.
    #[error(
        "{file}: the chat template does not end, or takes far more work than a template should: it was stopped. Correct it, or give the model a text instead of messages"
    )]
    TemplateEndless {
        /// The file that it stands in.
        file: String,
    },
    /// A chat template, or what it makes, that is too long.
    #[error("{file}: the chat template's {what} has {bytes} bytes, and at most {most} are taken")]
    TemplateTooLong {
        /// The file that it stands in.
        file: String,
        /// Whether it is the `template` or the `text` that it makes.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The most that is taken.
        most: usize,
    },
    /// A text of which there is nothing to say.
    #[error("text {number} is empty{}: write at least one word", if *second { " in its second part" } else { "" })]
    EmptyText {
        /// The first is 1.
        number: usize,
        /// Whether it is the second text of a pair.
        second: bool,
    },
    /// A text without the token for what is to be found.
    #[error("text {number} has no {mask} where a token is to be found: write {mask} in its place")]
    NoMask {
        /// The first is 1.
        number: usize,
        /// The token.
        mask: String,
    },
    /// A text that leaves no room for another.
    #[error(
        "the {what} of text {number} has {tokens} tokens, and all of it must fit into {most} with room for the rest: shorten it"
    )]
    NoRoom {
        /// The first is 1.
        number: usize,
        /// Which part it is.
        what: &'static str,
        /// Its tokens.
        tokens: usize,
        /// Tokens of a whole row.
        most: usize,
    },
    /// Pieces that cannot be.
    #[error("pieces of {length} tokens that share {stride} are not possible: the model takes {} tokens, and pieces share fewer than they have", most.map_or_else(|| "any number of".to_owned(), |most| most.to_string()))]
    Pieces {
        /// Tokens of a piece.
        length: usize,
        /// Tokens that neighbours share.
        stride: usize,
        /// The most that the model takes.
        most: Option<usize>,
    },
    /// A sentence that does not say the label.
    #[error("{template:?} does not say the label: write {{}} once, where the label is to stand")]
    Hypothesis {
        /// The sentence.
        template: String,
    },
    /// Labels that are not those of the graph.
    #[error("config.json names {named} labels (id2label), and the model gives {given}: correct id2label")]
    Labels {
        /// Labels in `id2label`.
        named: usize,
        /// What the graph gives.
        given: usize,
    },
    /// A model that does not say whether a sentence follows from another.
    #[error(
        "none of the model's labels ({}) is an entailment, by which it is known whether a label fits: use a model of natural language inference",
        labels.join(", ")
    )]
    NoEntailment {
        /// By `id2label`.
        labels: Vec<String>,
    },
    /// What the graph gave is not one number a label, or one a token.
    #[error("the graph gave {found} numbers for row {row} of {tokens} tokens, which is none a token or a label")]
    HeadShape {
        /// The first is 0.
        row: usize,
        /// Its tokens.
        tokens: usize,
        /// How many numbers there were.
        found: usize,
    },
}
