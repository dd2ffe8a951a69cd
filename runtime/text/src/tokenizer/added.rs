//! Tokens that the files beside `tokenizer.json` add to it, or whose flags they change.

use serde_json::Value;
use tokenizers::AddedToken;

use super::defaults::default_token;
use super::settings::{NAMED, Settings};

/// Adds what is not there yet. An id in `added_tokens_decoder` only orders them: a token gets the vocabulary's id for
/// its text, else the next free one, as in the library.
pub(super) fn add(settings: &Settings, tokenizer: &mut tokenizers::Tokenizer) -> Result<(), String> {
    let have = tokenizer.get_added_tokens_decoder().into_values().collect::<Vec<_>>();
    let mut listed = listed(settings)?;
    listed.retain(|token| !have.contains(token));
    let known = |text: &str, listed: &[AddedToken]| have.iter().chain(listed).any(|token| token.content == text);
    let mut named = Vec::new();
    for name in NAMED {
        let Some(token) = settings.config.get(name).filter(|token| !token.is_null()) else {
            named.extend(default_token(&settings.class, name).map(|text| AddedToken::from(text, true)));
            continue;
        };
        named.extend(token_of(token, true));
    }
    for list in ["additional_special_tokens", "extra_special_tokens"] {
        match settings.config.get(list) {
            Some(Value::Array(tokens)) => named.extend(tokens.iter().filter_map(|token| token_of(token, true))),
            Some(Value::Object(tokens)) => named.extend(tokens.values().filter_map(|token| token_of(token, true))),
            _ => {}
        }
    }
    for token in named {
        if !token.content.is_empty() && !known(&token.content, &listed) {
            listed.push(token);
        }
    }
    if !listed.is_empty() {
        tokenizer.add_tokens(listed).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The entries of `added_tokens_decoder` by their ids, else those of `added_tokens.json`.
fn listed(settings: &Settings) -> Result<Vec<AddedToken>, String> {
    let mut listed = Vec::new();
    if let Some(Value::Object(decoder)) = settings.config.get("added_tokens_decoder") {
        for (id, token) in decoder {
            let number: u32 = id.parse().map_err(|_| format!("added_tokens_decoder has the id {id:?}"))?;
            let token =
                token_of(token, false).ok_or_else(|| format!("added_tokens_decoder has no token under {id}"))?;
            listed.push((number, token));
        }
    }
    for (text, id) in &settings.added {
        let special = NAMED.iter().any(|name| settings.named(name) == Some(text));
        let number = id.as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or(u32::MAX);
        listed.push((number, AddedToken::from(text, special)));
    }
    listed.sort_by_key(|(number, _)| *number);
    Ok(listed.into_iter().map(|(_, token)| token).collect())
}

/// A token as a text, or as a record of its flags.
fn token_of(token: &Value, special: bool) -> Option<AddedToken> {
    if let Some(text) = token.as_str() {
        return Some(AddedToken::from(text, special));
    }
    let flag = |name: &str| token[name].as_bool();
    let special = flag("special").unwrap_or(special);
    Some(AddedToken {
        content: token["content"].as_str()?.to_owned(),
        lstrip: flag("lstrip").unwrap_or(false),
        rstrip: flag("rstrip").unwrap_or(false),
        single_word: flag("single_word").unwrap_or(false),
        normalized: flag("normalized").unwrap_or(!special),
        special,
    })
}
