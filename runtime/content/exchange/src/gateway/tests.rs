//! Requests that no one means well: each is read or refused, never more.

use proptest::prelude::*;

use super::survive::survive;

/// Texts near what is understood, and any others.
fn text(near: &'static [&'static str]) -> impl Strategy<Value = String> {
    let known = prop::sample::select(near).prop_map(str::to_owned);
    prop_oneof![4 => known, 1 => any::<String>(), 1 => "[ -~]{0,20}"]
}

fn query() -> impl Strategy<Value = String> {
    let name = text(&["format", "dag-scope", "entity-bytes", "filename", "car-version", "car-order", "car-dups", "x"]);
    let value =
        text(&["raw", "car", "block", "entity", "all", "0:*", "-5:9", "dfs", "y", "n", "1", "a%00b", "%ff", ""]);
    prop::collection::vec((name, value), 0..6)
        .prop_map(|fields| fields.into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("&"))
}

fn path() -> impl Strategy<Value = String> {
    let cid = text(&["bafkqaaa", "bafkreie7selb6q2dhze2nxtnw2anph3acwps4swjc4tcdijiizbicwcebm", "bafy", "Qm"]);
    let name = text(&["a", "..", ".", "", "%2f", "%00", "%ff", "%E2%82%AC", "%"]);
    (text(&["/ipfs/", "/ipns/", "/"]), cid, prop::collection::vec(name, 0..4))
        .prop_map(|(space, cid, names)| format!("{space}{cid}/{}", names.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn any_request_is_read_or_refused(
        path in path(),
        query in query(),
        accept in text(&["application/vnd.ipld.raw", "application/vnd.ipld.car;dups=y;q=0.5", "*/*", ";;,,q=", ""]),
    ) {
        survive(&path, &query, accept.as_bytes(), accept.as_bytes());
    }
}
