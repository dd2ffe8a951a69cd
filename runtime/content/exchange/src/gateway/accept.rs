//! Which format is asked for: `format` and `car-*` of the query before the Accept header (RFC 9110, 12.5.1).

use super::error::Refusal;

/// The most parts of an Accept header that are looked at; browsers send some eight.
const PARTS_MAX: usize = 64;

/// A format that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Raw,
    /// Version 1, depth first.
    Car {
        dups: bool,
    },
}

/// What the query says of the format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) format: Option<String>,
    pub(super) version: Option<String>,
    pub(super) order: Option<String>,
    pub(super) dups: Option<String>,
}

/// A part of the Accept header: lower-case type, parameters, weight in thousandths.
struct Part<'a> {
    name: String,
    parameters: Vec<(String, &'a str)>,
    weight: u16,
}

impl Part<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }
}

const RAW: &str = "application/vnd.ipld.raw";
const CAR: &str = "application/vnd.ipld.car";

/// The format to answer in.
pub(super) fn negotiate(asked: &Asked, accept: Option<&str>) -> Result<Format, Refusal> {
    let parts = accept.map(parse).unwrap_or_default();
    match asked.format.as_deref() {
        Some("raw") => return Ok(Format::Raw),
        Some("car") => {
            let mut cars = parts.iter().filter(|part| part.name == CAR).peekable();
            if cars.peek().is_none() {
                return car(asked, None);
            }
            return first(cars.map(|part| car(asked, Some(part))));
        }
        Some(other) => return Err(Refusal::NotOffered(format!("format={other:?}"))),
        None if accept.is_none() => return Err(Refusal::NoFormat),
        None => {}
    }
    first(parts.iter().filter_map(|part| match &*part.name {
        RAW => Some(Ok(Format::Raw)),
        CAR => Some(car(asked, Some(part))),
        _ => None,
    }))
}

/// The first that can be had; else why the first cannot.
fn first(mut found: impl Iterator<Item = Result<Format, Refusal>>) -> Result<Format, Refusal> {
    match found.next() {
        Some(Err(refusal)) => found.find_map(Result::ok).ok_or(refusal),
        Some(Ok(format)) => Ok(format),
        None => Err(Refusal::NotOffered("what the Accept header names".to_owned())),
    }
}

fn car(asked: &Asked, part: Option<&Part<'_>>) -> Result<Format, Refusal> {
    let of = |query: &Option<String>, name: &str| {
        let value = query.clone().or_else(|| part?.get(name).map(str::to_owned));
        value.filter(|value| !value.is_empty())
    };
    let refused = |name, value| Err(Refusal::NotOffered(format!("a CAR with {name}={value:?}")));
    if let Some(version) = of(&asked.version, "version").filter(|v| v != "1") {
        return refused("version", version);
    }
    // `unk` is any order, so ours.
    if let Some(order) = of(&asked.order, "order").filter(|o| o != "dfs" && o != "unk") {
        return refused("order", order);
    }
    match of(&asked.dups, "dups").as_deref() {
        None | Some("n") => Ok(Format::Car { dups: false }),
        Some("y") => Ok(Format::Car { dups: true }),
        Some(other) => refused("dups", other.to_owned()),
    }
}

/// The parts of an Accept header, the most wanted first; without those of weight 0.
fn parse(accept: &str) -> Vec<Part<'_>> {
    let mut parts: Vec<_> = accept
        .split(',')
        .take(PARTS_MAX)
        .map(|part| {
            let mut fields = part.split(';').map(str::trim);
            let name = fields.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<_> = fields
                .filter_map(|field| field.split_once('='))
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"')))
                .collect();
            let weight = parameters.iter().find(|(name, _)| name == "q").map_or(1000, |(_, value)| weight(value));
            Part { name, parameters, weight }
        })
        .filter(|part| part.weight > 0)
        .collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.weight));
    parts
}

/// A weight in thousandths; one that is not valid counts as whole.
fn weight(text: &str) -> u16 {
    text.parse().map_or(1000, |weight: f32| (weight.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &[(&str, &str)], accept: Option<&str>, expected: Result<Format, u16>) {
        let get = |name| query.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let asked = Asked {
            format: get("format"),
            version: get("car-version"),
            order: get("car-order"),
            dups: get("car-dups"),
        };
        let found = negotiate(&asked, accept).map_err(|refusal| refusal.status().as_u16());
        assert_eq!(found, expected, "{query:?} {accept:?}");
    }

    #[test]
    fn the_query_goes_before_the_header() {
        const ONCE: Result<Format, u16> = Ok(Format::Car { dups: false });
        const AGAIN: Result<Format, u16> = Ok(Format::Car { dups: true });
        check(&[], None, Err(400));
        check(&[], Some("*/*"), Err(406));
        check(&[], Some("text/html, application/json;q=0.5"), Err(406));
        check(&[], Some(RAW), Ok(Format::Raw));
        check(&[], Some("Application/VND.ipld.RAW ; q=1"), Ok(Format::Raw));
        check(&[], Some(CAR), ONCE);
        check(&[], Some("application/vnd.ipld.car; version=1; order=dfs; dups=y"), AGAIN);
        check(&[], Some("application/vnd.ipld.car;version=2"), Err(406));
        check(&[], Some("application/vnd.ipld.car;version=2, application/vnd.ipld.raw;q=0.1"), Ok(Format::Raw));
        check(&[], Some("application/vnd.ipld.car;order=foo, application/vnd.ipld.car;order=dfs;dups=y;q=0.5"), AGAIN);
        check(&[], Some("application/vnd.ipld.raw;q=0.2, application/vnd.ipld.car;q=0.8"), ONCE);
        check(&[], Some("application/vnd.ipld.raw;q=0"), Err(406));
        check(&[("format", "car")], Some(RAW), ONCE);
        check(&[("format", "raw")], Some(CAR), Ok(Format::Raw));
        check(&[("format", "car")], Some("application/vnd.ipld.car; dups=y"), AGAIN);
        check(&[("format", "car"), ("car-dups", "y")], Some("application/vnd.ipld.car; dups=n"), AGAIN);
        check(&[("format", "car"), ("car-order", "dfs")], Some("application/vnd.ipld.car; order=bfs"), ONCE);
        check(&[("format", "car"), ("car-version", "2")], None, Err(406));
        check(&[("format", "tar")], None, Err(406));
        check(&[("format", "ipns-record")], None, Err(406));
    }
}
