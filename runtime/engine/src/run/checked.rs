//! Requests whose options go together. No option is ever ignored: what cannot be done is refused, whichever way the
//! request came.

use std::ops::Deref;

use pelago_protocol::{Advice, Family, Input, Precision, PrecisionChoice, Request, Setting};

use crate::RunError;

/// A request that was checked. Nothing else reaches a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checked(Request);

impl Checked {
    /// Checks a request.
    ///
    /// # Errors
    /// [`RunError::Unsupported`] and [`RunError::EmptyInput`].
    pub(crate) fn of(request: Request) -> Result<Self, RunError> {
        check(&request)?;
        Ok(Self(request))
    }
}

impl Deref for Checked {
    type Target = Request;

    fn deref(&self) -> &Request {
        &self.0
    }
}

/// Refuses what does not go together: no option is ever ignored.
fn check(request: &Request) -> Result<(), RunError> {
    let refused = |what: &str, advice: Advice| Err(RunError::Unsupported { what: what.to_owned(), advice });
    let fp32 = PrecisionChoice::Bits(Precision::Bits32);
    if request.recipe.is_some() && (request.mixed_precision || request.precision != fp32) {
        return refused("a recipe beside a precision", "leave the precision out: the recipe says all of it".into());
    }
    if request.mixed_precision && request.precision == fp32 {
        return refused(
            "mixed precision of 32 bits, above which there is none,",
            "choose 2, 4, 8 or 16 bits, or auto, with it".into(),
        );
    }
    if request.memory_limit.is_some() && request.precision != PrecisionChoice::Auto {
        return refused(
            "a memory limit for a precision that is named",
            Advice::from("use ").set(Setting::Precision, "auto").text(" with it"),
        );
    }
    match &request.input {
        Input::Texts(texts) if texts.is_empty() => Err(RunError::EmptyInput { what: "no text was given".to_owned() }),
        Input::Texts(_) => Ok(()),
        Input::Tensors(_) if request.prompt.is_some() || request.truncate_dim.is_some() => {
            refused("a prompt or a number of dimensions for tensors", "they are for texts: leave them out".into())
        }
        Input::Tensors(tensors) if tensors.is_empty() => {
            Err(RunError::EmptyInput { what: "no tensor was given".to_owned() })
        }
        Input::Tensors(_) => Ok(()),
    }
}

/// Refuses what the model's family does not take.
pub(crate) fn check_family(request: &Request, family: Family) -> Result<(), RunError> {
    if request.use_firefox_optimizations {
        return Err(RunError::Unsupported {
            what: format!("Firefox's audio settings for a model of the family {family}"),
            advice: Advice::from("leave ")
                .setting(Setting::UseFirefoxOptimizations)
                .text(" out: it is for audio models, which do not run yet"),
        });
    }
    match (&request.input, family) {
        (Input::Texts(_), Family::TextEmbedding) | (Input::Tensors(_), _) => Ok(()),
        (Input::Texts(_), other) => Err(RunError::Unsupported {
            what: format!("text input for a model of the family {other}"),
            advice: Advice::from(
                "use a text embedding model, or give the graph's own tensors in a cell of Rust; \
                 if the family is detected wrongly, add the model again with ",
            )
            .setting(Setting::Family),
        }),
    }
}
