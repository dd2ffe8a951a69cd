//! What is accepted as a record, and each way in which one is refused.

use chrono::{DateTime, TimeDelta, Utc};
use expect_test::expect;
use pelago_exchange::ipns::{Name, Record, RecordError, newest};
use prost::Message as _;
use ring::digest::{SHA256, digest};
use ring::signature::{EcdsaKeyPair, KeyPair as _};

use crate::{Data, Entry, Publisher, by_helia, named};

const CONTENT: &str = "/ipfs/bafkqaaa";

fn now() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn said(name: &Name, bytes: &[u8]) -> String {
    match Record::verify(name, bytes, now()) {
        Ok(record) => format!("{} #{} for {} s", record.value, record.sequence, record.ttl.as_secs()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn records_of_another_implementation_are_read() {
    let mut all = String::new();
    for made in by_helia().values() {
        let said = match made.name.parse() {
            Ok(name) => said(&name, &made.bytes()),
            Err(error) => format!("{error}"),
        };
        all.push_str(&format!("{}: {said}\n", made.what));
    }
    expect![[r#"
        another name: /ipns/k51qzi5uqu5djiq2pe4r3j2o73cb35xq94udkbmlfi7go7bsiya7fb7sk1vphy #3 for 300 s
        ecdsa: the name's key is ECDSA not on P-256, or not in PKIX form, which is not supported: Ed25519, RSA of 2048 bits or more, and ECDSA P-256 are
        ecdsa, whole in its name: a name is a SHA-256 or a key of at most 42 bytes; this is hash 0x0 of 91 bytes
        ed25519: /ipfs/bafkqaetqovrgy2ltnbswiidcpeqeqzlmnfqq #7 for 300 s
        ed25519, more data: /ipfs/bafkqaetqovrgy2ltnbswiidcpeqeqzlmnfqq #9 for 300 s
        ed25519, version 2 only: /ipfs/bafkqaetqovrgy2ltnbswiidcpeqeqzlmnfqq/a/b #8 for 60 s
        expired: the record was valid until 2024-01-01 00:00:01 UTC: its publisher has to renew it
        published: /ipfs/bafkqaetqovrgy2ltnbswiidcpeqeqzlmnfqq #1 for 300 s
        published again: /ipfs/bafkqaetqovrgy2ltnbswiidcpeqeqzlmnfqq #2 for 300 s
        rsa: /ipfs/bafkqaetqovrgy2ltnbswiidcpeqeqzlmnfqq #1 for 300 s
    "#]]
    .assert_eq(&all);
}

#[test]
fn each_change_is_found() {
    let made = &by_helia()["ed25519"];
    let name: Name = made.name.parse().unwrap();
    let entry = Entry::decode(&made.bytes()[..]).unwrap();
    let changed = |change: &dyn Fn(&mut Entry)| {
        let mut entry = entry.clone();
        change(&mut entry);
        Record::verify(&name, &entry.encode_to_vec(), now()).unwrap_err()
    };
    let flip = |part: &mut Option<Vec<u8>>, at: usize| part.as_mut().unwrap()[at] ^= 1;
    assert_eq!(changed(&|e| flip(&mut e.signature, 63)), RecordError::Signature);
    assert_eq!(changed(&|e| e.signature = None), RecordError::Unsigned { missing: "signature" });
    assert_eq!(changed(&|e| e.data = Some(Vec::new())), RecordError::Unsigned { missing: "signed data" });
    // The signature is over all of the data: no byte of it can be another.
    for at in 0..entry.data.as_ref().unwrap().len() {
        assert_eq!(changed(&|e| flip(&mut e.data, at)), RecordError::Signature, "{at}");
    }
    let disagrees = |field| RecordError::Disagrees { field };
    assert_eq!(changed(&|e| flip(&mut e.value, 20)), disagrees("value"));
    assert_eq!(changed(&|e| e.value = None), disagrees("value"));
    assert_eq!(changed(&|e| flip(&mut e.validity, 3)), disagrees("validity"));
    assert_eq!(changed(&|e| e.validity_type = Some(1)), disagrees("validityType"));
    assert_eq!(changed(&|e| e.sequence = Some(8)), disagrees("sequence"));
    assert_eq!(changed(&|e| e.ttl = None), disagrees("ttl"));
    let other = Publisher::new(1);
    assert_eq!(changed(&|e| e.key = Some(other.key())), RecordError::WrongKey);
    assert!(matches!(changed(&|e| e.key = Some(vec![8; 11 << 10])), RecordError::TooLarge { length: 11_264.. }));
    // A signature of version 1 proves nothing, so a wrong one changes nothing.
    let mut old = entry.clone();
    flip(&mut old.signature_v1, 0);
    assert!(Record::verify(&name, &old.encode_to_vec(), now()).is_ok());
    // The right record of one name is a wrong one of another.
    assert_eq!(Record::verify(&other.name(), &made.bytes(), now()), Err(RecordError::Signature));
}

#[test]
fn a_key_that_is_not_in_the_name_is_the_one_that_it_stands_for() {
    let (publisher, other) = (Publisher::new(2), Publisher::new(3));
    let name = named(0x12, digest(&SHA256, &publisher.key()).as_ref());
    let entry = publisher.record(&Data::new(CONTENT, 1));
    let with = |key: Option<Vec<u8>>| Record::verify(&name, &Entry { key, ..entry.clone() }.encode_to_vec(), now());
    assert_eq!(with(Some(publisher.key())).unwrap().value, CONTENT);
    assert_eq!(with(None), Err(RecordError::WrongKey));
    assert_eq!(with(Some(other.key())), Err(RecordError::WrongKey));
}

#[test]
fn kinds_of_key_that_are_not_verified_are_named() {
    let entry = Publisher::new(4).record(&Data::new(CONTENT, 1));
    let check = |key: &[u8]| {
        said(
            &named(0x12, digest(&SHA256, key).as_ref()),
            &Entry { key: Some(key.to_vec()), ..entry.clone() }.encode_to_vec(),
        )
    };
    let all: Vec<String> =
        [&[8, 2, 18, 1, 0][..], &[8, 3, 18, 1, 0], &[8, 9, 18, 0], &[8, 0, 18, 2, 0x30, 0x80], &[8, 1], &[0xff]]
            .into_iter()
            .map(check)
            .collect();
    expect![[r#"
        the name's key is Secp256k1, which is not supported: Ed25519, RSA of 2048 bits or more, and ECDSA P-256 are
        the name's key is ECDSA not on P-256, or not in PKIX form, which is not supported: Ed25519, RSA of 2048 bits or more, and ECDSA P-256 are
        the name's key is of the unknown type 9, which is not supported: Ed25519, RSA of 2048 bits or more, and ECDSA P-256 are
        the record cannot be read: its RSA key is not in PKIX form
        the record cannot be read: its key has no type or no data
        the record cannot be read: its key: failed to decode Protobuf message: invalid varint
    "#]]
    .assert_eq(&(all.join("\n") + "\n"));
}

#[test]
fn what_is_signed_must_be_a_record_and_still_count() {
    let publisher = Publisher::new(5);
    let check = |entry: Entry| said(&publisher.name(), &entry.encode_to_vec());
    let with = |change: &dyn Fn(&mut Data)| {
        let mut data = Data::new(CONTENT, 1);
        change(&mut data);
        check(publisher.record(&data))
    };
    // Data that nests as deep as a record is long: read without an end of the stack.
    let mut deep = serde_ipld_dagcbor::to_vec(&Data::new(CONTENT, 1)).unwrap();
    deep[0] += 1;
    deep.extend([0x61, b'x']);
    deep.extend(vec![0x81; 9 << 10]);
    deep.push(0);
    let all = [
        with(&|_| {}),
        with(&|data| data.validity = "2025-12-31T23:59:59.999999999Z".into()),
        with(&|data| data.validity = "tomorrow".into()),
        with(&|data| data.validity_type = 1),
        with(&|data| data.value = vec![0xff].into()),
        check(publisher.sign(vec![0xa0])),
        check(publisher.sign(b"{}".to_vec())),
        check(publisher.sign(deep)),
        said(&publisher.name(), b"not a record"),
        said(&publisher.name(), b""),
    ];
    expect![[r#"
        /ipfs/bafkqaaa #1 for 60 s
        the record was valid until 2025-12-31 23:59:59.999999999 UTC: its publisher has to renew it
        the record cannot be read: its validity is no RFC 3339 date: premature end of input
        the record cannot be read: its validity is of type 1, 0 was expected
        the record cannot be read: its value is no text
        the record cannot be read: Msg("missing field `Value`")
        the record cannot be read: Mismatch { expect_major: 5, byte: 123 }
        the record cannot be read: DepthLimit
        the record cannot be read: failed to decode Protobuf message: invalid wire type value: 6
        the record has no signature: its publisher's software is from before 2021 and must be renewed
    "#]]
    .assert_eq(&(all.join("\n") + "\n"));
}

#[test]
fn the_newest_is_the_one_of_the_highest_sequence_then_of_the_longest_validity() {
    let made = |sequence, days| Record {
        value: format!("{sequence} {days}"),
        valid_until: now() + TimeDelta::days(days),
        sequence,
        ttl: std::time::Duration::ZERO,
    };
    let records = [made(1, 9), made(2, 1), made(2, 3), made(2, 2)];
    assert_eq!(newest(records.clone()).unwrap().value, "2 3");
    assert_eq!(newest(records.into_iter().rev()).unwrap().value, "2 3");
    assert_eq!(newest([]), None);
}

#[test]
fn a_key_on_p_256_verifies() {
    let rng = ring::rand::SystemRandom::new();
    let algorithm = &ring::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &rng).unwrap();
    // SubjectPublicKeyInfo of a key on P-256 (RFC 5480), in libp2p's message: type 3, 91 bytes.
    let spki = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let key = [&[8, 3, 18, 91][..], &spki, pair.public_key().as_ref()].concat();
    let data = serde_ipld_dagcbor::to_vec(&Data::new(CONTENT, 1)).unwrap();
    let signed = pair.sign(&rng, &[b"ipns-signature:", &data[..]].concat()).unwrap().as_ref().to_vec();
    let name = named(0x12, digest(&SHA256, &key).as_ref());
    let mut entry = Entry { key: Some(key), signature: Some(signed), data: Some(data), ..Entry::default() };
    assert_eq!(said(&name, &entry.encode_to_vec()), "/ipfs/bafkqaaa #1 for 60 s");
    entry.data.as_mut().unwrap().push(0);
    assert_eq!(Record::verify(&name, &entry.encode_to_vec(), now()), Err(RecordError::Signature));
}

/// The records of gateway-conformance (`fixtures/ipns_records`): what each is to be says its file's name.
#[test]
#[ignore = "needs the *.ipns-record files of ipfs/gateway-conformance: set PELAGO_IPNS_VECTORS to their folder"]
fn the_specifications_own_records() {
    let folder = std::env::var_os("PELAGO_IPNS_VECTORS").expect("PELAGO_IPNS_VECTORS names the folder");
    let (mut good, mut bad) = (0, 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (name, what) = stem.split_once('_').unwrap_or((&stem, ""));
        let verified = Record::verify(&name.parse().unwrap(), &std::fs::read(&path).unwrap(), now());
        match what {
            "v1" => assert!(matches!(verified, Err(RecordError::Unsigned { .. })), "{stem}: {verified:?}"),
            "v1-v2-broken-signature-v2" => assert_eq!(verified, Err(RecordError::Signature)),
            "v1-v2-broken-v1-value" => assert_eq!(verified, Err(RecordError::Disagrees { field: "value" })),
            _ => assert!(
                verified.is_ok_and(|record| record.value.starts_with("/ipfs/") && {
                    good += 1;
                    true
                }),
                "{stem}"
            ),
        }
        bad += u32::from(!what.is_empty());
    }
    assert!(good >= 10 && bad >= 6, "{good} good ones, {bad} with a word");
}
