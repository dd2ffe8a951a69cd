//! Addresses of content as users write them: a CID, a URL or a gateway's link, with a path.

use super::check_supported;
use crate::{BlockError, Cid};

/// What an address of a gateway stands for: `https://host/ipfs/<cid>/path` and `https://<cid>.ipfs.host/path` as
/// `<cid>/path`. The gateway itself is not asked more than any other, and its bytes are verified like any.
#[must_use]
pub fn of_gateway(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if let Some(address) = path.strip_prefix("ipfs/") {
        return Some(address.to_owned());
    }
    let (cid, domain) = host.split_once('.')?;
    domain.starts_with("ipfs.").then(|| format!("{cid}/{path}"))
}

/// Reads `<cid>`, `ipfs://<cid>`, `/ipfs/<cid>` or the address of a gateway, each with a path behind it
/// if wanted, into the CID and the path (without slashes at its ends). A CID may be in any base of multibase.
///
/// # Errors
///
/// `Address` if the text is none of these; `Unsupported` if the CID cannot be verified here.
pub fn parse_address(text: &str) -> Result<(Cid, String), BlockError> {
    let of_gateway = of_gateway(text);
    let rest = text.strip_prefix("ipfs://").or_else(|| text.strip_prefix("/ipfs/"));
    let rest = rest.or(of_gateway.as_deref()).unwrap_or(text);
    let (head, path) = rest.split_once('/').unwrap_or((rest, ""));
    let cid = Cid::try_from(head)
        .map_err(|source| BlockError::Address { text: text.to_owned(), reason: source.to_string() })?;
    check_supported(&cid)?;
    let path = path.trim_matches('/');
    if !path.is_empty() && path.split('/').any(|part| matches!(part, "" | "." | "..") || part.contains('\0')) {
        return Err(BlockError::Address {
            text: text.to_owned(),
            reason: "its path has an empty, `.` or `..` part".to_owned(),
        });
    }
    Ok((cid, path.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ::cid::multibase::Base;

    use super::*;

    const CID: &str = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

    #[test]
    fn a_gateways_address_is_the_content_that_it_names() {
        let (cid, _) = parse_address(CID).unwrap();
        let same = [
            format!("ipfs://{CID}/onnx/model.onnx"),
            format!("/ipfs/{CID}/onnx/model.onnx/"),
            format!("https://gateway.example/ipfs/{CID}/onnx/model.onnx?download=true#top"),
            format!("http://127.0.0.1:8080/ipfs/{CID}/onnx/model.onnx"),
            format!("https://{CID}.ipfs.gateway.example/onnx/model.onnx"),
        ];
        for text in same {
            assert_eq!(parse_address(&text).unwrap(), (cid, "onnx/model.onnx".to_owned()), "{text}");
        }
        for other in ["https://host/model.onnx", "https://host/a/ipfs/b", "hf://org/name", "https://ipfs.example/x"] {
            assert_eq!(of_gateway(other), None, "{other}");
        }
        assert!(parse_address("https://host/ipfs/nothing").is_err());
    }

    #[test]
    fn a_cid_may_be_in_any_base() {
        let (cid, _) = parse_address(CID).unwrap();
        for base in [
            Base::Base16Lower,
            Base::Base16Upper,
            Base::Base32Upper,
            Base::Base36Lower,
            Base::Base58Btc,
            Base::Base64Url,
        ] {
            let text = cid.to_string_of_base(base).unwrap();
            assert_eq!(parse_address(&text).unwrap().0, cid, "{text}");
            assert_eq!(parse_address(&format!("ipfs://{text}")).unwrap().0, cid, "{text}");
        }
    }
}
