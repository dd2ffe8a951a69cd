//! Frames survive the way there and back; bytes that are not frames are refused
//! and never panic.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use bytes::Bytes;
use expect_test::{Expect, expect};
use pelago_browser::link::{Frame, FrameError, frame};
use pelago_protocol::{ATTACHMENT_BYTES, DType, Header, Platform, Tensor, TensorHeader};
use proptest::prelude::*;
use serde_json::{Value, json};

fn header(data: Value) -> Header {
    Header::new(7, "run", data)
}

fn tensor() -> impl Strategy<Value = Tensor> {
    let shape = prop::collection::vec(0..5_usize, 0..4);
    (".{0,8}", prop::sample::select(DType::ALL), shape, any::<u8>()).prop_map(|(name, dtype, shape, fill)| {
        let length = shape.iter().product::<usize>() * dtype.size();
        let bytes = (0..length).map(|index| fill.wrapping_add(index as u8)).collect::<Vec<u8>>();
        Tensor::new(name, dtype, shape, bytes.into()).unwrap()
    })
}

fn read(message: &Bytes) -> Result<(Header, Vec<Tensor>), FrameError> {
    let (header, body) = frame::split(message)?;
    let tensors = frame::tensors(header.tensors.clone(), &body)?;
    Ok((header, tensors))
}

proptest! {
    #[test]
    fn a_frame_survives(
        id: u64,
        kind in ".{0,12}",
        model in prop::option::of(".{0,12}"),
        platform in prop::option::of(prop::sample::select(Platform::ALL)),
        text in ".{0,40}",
        tensors in prop::collection::vec(tensor(), 0..5),
    ) {
        let sent = Header { id, kind, model_name: model, platform, ..header(json!({"text": text})) };
        let frame = Frame::encode(sent.clone(), tensors.clone(), usize::MAX).unwrap();
        let size = frame.size();
        let bytes = Bytes::from(frame.into_parts().concat());
        prop_assert_eq!(bytes.len(), size);
        let (header, received) = read(&bytes).unwrap();
        prop_assert!(header.tensors.iter().all(|tensor| tensor.offset % 8 == 0));
        prop_assert_eq!(received, tensors);
        prop_assert_eq!(Header { tensors: Vec::new(), ..header }, sent);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        _ = read(&bytes.into());
    }

    #[test]
    fn no_change_of_one_byte_makes_it_panic(tensors in prop::collection::vec(tensor(), 1..4), at: prop::sample::Index, to: u8) {
        let frame = Frame::encode(header(json!([1])), tensors, usize::MAX).unwrap();
        let mut bytes = frame.into_parts().concat();
        let at = at.index(bytes.len());
        bytes[at] = to;
        _ = read(&bytes.into());
    }

    #[test]
    fn tensors_that_are_taken_lie_in_the_message_and_apart(
        claims in prop::collection::vec((prop_oneof![0..80_usize, any::<usize>()], prop_oneof![0..80_usize, any::<usize>()]), 0..5),
        length in 0..100_usize,
    ) {
        let headers: Vec<TensorHeader> = claims.iter().map(|&(offset, byte_length)| TensorHeader {
            name: "x".into(), dtype: DType::UInt8, shape: vec![byte_length], offset, byte_length,
        }).collect();
        if let Ok(tensors) = frame::tensors(headers, &Bytes::from(vec![0; length])) {
            prop_assert!(tensors.iter().map(|tensor| tensor.bytes.len()).sum::<usize>() <= length);
        }
    }
}

fn check(tensors: &[(&str, DType, &[usize], usize, usize)], expected: Expect) {
    let headers = tensors.iter().map(|&(name, dtype, shape, offset, byte_length)| TensorHeader {
        name: name.into(),
        dtype,
        shape: shape.into(),
        offset,
        byte_length,
    });
    let error = frame::tensors(headers.collect(), &Bytes::from(vec![0; 32])).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn what_is_wrong_with_a_tensor_is_said() {
    use DType::{Float32, Int64};
    check(&[("x", Float32, &[1], 4, 4)], expect![[r#"tensor "x" starts at byte 4, not at a multiple of 8"#]]);
    check(&[("x", Float32, &[4], 24, 16)], expect![[r#"tensor "x" has 16 bytes from byte 24 on, the message has 32"#]]);
    check(
        &[("x", Float32, &[4], usize::MAX - 7, 16)],
        expect![[r#"tensor "x" has 16 bytes from byte 18446744073709551608 on, the message has 32"#]],
    );
    check(&[("b", Float32, &[2], 8, 8), ("a", Float32, &[4], 0, 16)], expect![[r#"tensors "a" and "b" overlap"#]]);
    check(&[("x", Int64, &[2], 0, 8)], expect![[r#"tensor "x" of int64 [2] needs 16 bytes, not 8"#]]);
    check(
        &[("x", Int64, &[usize::MAX, 2], 0, 8)],
        expect![[r#"tensor "x" of int64 [18446744073709551615, 2] is larger than memory can be"#]],
    );
}

#[test]
fn what_is_wrong_with_a_message_is_said() {
    let check = |bytes: &'static [u8], expected: Expect| {
        expected.assert_eq(&frame::split(&Bytes::from_static(bytes)).unwrap_err().to_string());
    };
    check(b"abc", expect!["a message starts with 4 bytes of length, this one has 3 bytes"]);
    check(b"\xff\xff\xff\xff    ", expect!["the header claims 4294967295 bytes, 4 follow"]);
    check(b"\x03\0\0\0{} ", expect!["a header of 3 bytes and its length do not end at a multiple of 8"]);
    check(b"\x04\0\0\0{}  ", expect!["the header is not one of this protocol: missing field `id` at line 1 column 2"]);
    let error = frame::split(&Bytes::from_static(b"\x0c\0\0\0{\"id\":7}    ")).unwrap_err();
    assert!(matches!(error, FrameError::Header { id: Some(7), .. }), "{error}");
}

#[test]
fn large_tensors_are_named_and_stay_outside() {
    let limit = usize::try_from(ATTACHMENT_BYTES).unwrap();
    let tensor =
        |name: &str, length: usize| Tensor::new(name, DType::UInt8, vec![length], vec![7; length].into()).unwrap();
    let tensors =
        vec![tensor("large", limit), tensor("below", limit - 1), tensor("small", 3), tensor("larger", 2 * limit)];
    let frame = Frame::encode(header(Value::Null), tensors.clone(), usize::MAX).unwrap();
    let outside: Vec<Bytes> = frame.attachments().iter().map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(outside, [tensors[0].bytes.clone(), tensors[3].bytes.clone()]);
    assert!(outside[0].as_ptr() == tensors[0].bytes.as_ptr(), "copied");
    let ids: Vec<String> = frame.attachments().iter().map(|(id, _)| id.to_string()).collect();
    assert!(frame.size() < limit + 2000);
    let (header, body) = frame::split(&Bytes::from(frame.into_parts().concat())).unwrap();
    let named = header.attachments.iter().map(|found| (found.tensor, found.id.as_str()));
    assert_eq!(named.collect::<Vec<_>>(), [(0, ids[0].as_str()), (3, ids[1].as_str())]);
    let lengths = header.tensors.iter().map(|found| (found.offset, found.byte_length));
    assert_eq!(lengths.collect::<Vec<_>>(), [(0, limit), (0, limit - 1), (limit, 3), (0, 2 * limit)]);
    assert_eq!(frame::tensors(header.tensors[1..3].to_vec(), &body).unwrap(), tensors[1..3]);

    let all = |limit| Frame::encode(self::header(Value::Null), tensors.clone(), limit);
    assert!(matches!(all(4 * limit).unwrap_err(), FrameError::TooLarge { .. }), "what is outside counts");
    all(4 * limit + 2000).unwrap();
}

#[test]
fn a_field_that_is_not_known_is_refused() {
    let check = |json: &str, expected: Expect| {
        let json = format!("{json:<width$}", width = (json.len() + 4).next_multiple_of(8) - 4);
        let message = [&(json.len() as u32).to_le_bytes()[..], json.as_bytes()].concat();
        let error = frame::split(&message.into()).unwrap_err();
        assert!(matches!(error, FrameError::Header { id: Some(7), .. }), "{error}");
        expected.assert_eq(&error.to_string());
    };
    check(
        r#"{"id":7,"type":"result","mood":1}"#,
        expect![
            "the header is not one of this protocol: unknown field `mood`, expected one of `id`, `type`, `model_name`, `platform`, `data`, `options`, `tensors`, `attachments`, `following` at line 1 column 30"
        ],
    );
    check(
        r#"{"id":7,"type":"result","tensors":[{"name":"x","dtype":"int8","shape":[],"offset":0,"byte_length":1,"stride":4}]}"#,
        expect![
            "the header is not one of this protocol: unknown field `stride`, expected one of `name`, `dtype`, `shape`, `offset`, `byte_length` at line 1 column 108"
        ],
    );
    check(
        r#"{"id":7,"type":"result","attachments":[{"id":"0","tensor":0,"url":"x"}]}"#,
        expect![
            "the header is not one of this protocol: unknown field `url`, expected `id` or `tensor` at line 1 column 65"
        ],
    );
}
