//! Headers that are damaged or made to harm: each is refused by name, before anything is taken from it.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use expect_test::{Expect, expect};

use super::{Error, Gguf, Kept};
use crate::{
    fuzzing::{GgufFile, Memory, llama_file},
    graph::GenerationOptions,
};

const F32: (u32, u64, u64) = (0, 1, 4);

fn read(bytes: Vec<u8>) -> Result<Gguf, Error> {
    Gguf::read(&Memory([("m.gguf".to_owned(), bytes)].into()), "m.gguf")
}

fn check(bytes: Vec<u8>, expected: Expect) {
    expected.assert_eq(&read(bytes).unwrap_err().to_string());
}

fn build(file: &GgufFile) -> Result<(), Error> {
    let files = Memory([("m.gguf".to_owned(), file.write())].into());
    let header = Gguf::read(&files, "m.gguf").unwrap();
    header.build_decoder(&files, &GenerationOptions::default(), Kept::Blocks).map(drop)
}

/// A list with as many elements of a type as its header says.
fn list(kind: u32, count: u64) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &count.to_le_bytes()].concat()
}

#[test]
fn what_is_no_gguf_file() {
    check(
        b"GGML....".to_vec(),
        expect![[
            r#"m.gguf is not a GGUF file: it begins with [47, 47, 4d, 4c] where "GGUF" was expected; download it again"#
        ]],
    );
    check(
        b"GG".to_vec(),
        expect!["m.gguf ends within its header: 4 bytes were expected at byte 0 of 2; download it again"],
    );
    let mut old = llama_file(F32).write();
    old[4] = 1;
    check(
        old,
        expect![
            "m.gguf is GGUF version 1; versions 2 and 3 in little-endian order are read: convert the model again with llama.cpp's convert_hf_to_gguf.py"
        ],
    );
    let mut other = llama_file(F32).write();
    other[4..8].copy_from_slice(&3u32.to_be_bytes());
    assert!(matches!(read(other), Err(Error::Version { found: 0x0300_0000, .. })));
}

#[test]
fn every_cut_is_refused() {
    let bytes = llama_file((8, 32, 34)).write();
    for length in 0..bytes.len() {
        let error = read(bytes[..length].to_vec());
        assert!(
            matches!(error, Err(Error::Truncated { .. } | Error::Offset { .. } | Error::Header { .. })),
            "{length}"
        );
    }
    read(bytes).unwrap();
}

#[test]
fn counts_that_no_file_has() {
    let mut bytes = llama_file(F32).write();
    bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    check(
        bytes,
        expect![
            "m.gguf says that it has 18446744073709551615 tensors, more than the 65536 that are read: it is damaged or made to harm"
        ],
    );
    let mut bytes = llama_file(F32).write();
    bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    check(
        bytes,
        expect![
            "m.gguf says that it has 18446744073709551615 keys, more than the 16384 that are read: it is damaged or made to harm"
        ],
    );
    let file = GgufFile::default().key("tokens", 9, &list(8, u64::MAX));
    check(
        file.write(),
        expect![
            "m.gguf says that it has 18446744073709551615 elements of lists, more than the 8388608 that are read: it is damaged or made to harm"
        ],
    );
    // As many as are allowed, of which there is none.
    let file = GgufFile::default().key("tokens", 9, &list(8, 1 << 23));
    check(
        file.write(),
        expect!["m.gguf ends within its header: 8 bytes were expected at byte 54 of 54; download it again"],
    );
    let file = GgufFile::default().key("name", 8, &u64::MAX.to_le_bytes());
    check(
        file.write(),
        expect![
            "m.gguf says that it has 18446744073709551615 bytes of a text, more than the 1048576 that are read: it is damaged or made to harm"
        ],
    );
}

#[test]
fn values_that_the_format_does_not_have() {
    let file = |kind, value: &[u8]| GgufFile::default().key("some.key", kind, value).write();
    check(
        file(13, &[]),
        expect![
            "m.gguf: some.key is of type 13 where a type from 0 to 12 was expected: the file is damaged; download it again"
        ],
    );
    check(
        file(7, &[2]),
        expect!["m.gguf: some.key is the byte 2 where 0 or 1 was expected: the file is damaged; download it again"],
    );
    check(
        file(9, &list(9, 1)),
        expect![
            "m.gguf: some.key is a list of lists where a list of numbers or of text was expected: the file is damaged; download it again"
        ],
    );
    check(
        file(8, &[2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe]),
        expect![
            "m.gguf: some.key is [ff, fe] where text in UTF-8 was expected: the file is damaged; download it again"
        ],
    );
    let twice = GgufFile::default().count("a", 1).count("a", 2).write();
    check(
        twice,
        expect!["m.gguf: a is there twice where each key once was expected: the file is damaged; download it again"],
    );
}

#[test]
fn tensors_that_cannot_be() {
    let file = |shape: &[u64], kind, data: usize| GgufFile::default().tensor("t", shape, kind, vec![0; data]).write();
    check(
        file(&[4], 0, 15),
        expect![
            "m.gguf: t is said to be 16 bytes from byte 0 on of 15 bytes of data: the file is truncated; download it again"
        ],
    );
    check(
        file(&[u64::MAX, 2], 0, 64),
        expect![
            "m.gguf: an axis of t is 0 or over 2147483647 where a length was expected: the file is damaged; download it again"
        ],
    );
    check(
        file(&[0], 0, 64),
        expect![
            "m.gguf: an axis of t is 0 or over 2147483647 where a length was expected: the file is damaged; download it again"
        ],
    );
    let large = [2_147_483_647; 4];
    check(
        file(&large, 0, 64),
        expect![
            "m.gguf: the shape of t is [2147483647, 2147483647, 2147483647, 2147483647] where one that fits the file was expected: the file is damaged; download it again"
        ],
    );
    check(
        file(&[1, 1, 1, 1, 1], 0, 64),
        expect!["m.gguf: the axes of t is 5 where 1 to 4 was expected: the file is damaged; download it again"],
    );
    check(
        file(&[33], 2, 64),
        expect![
            "m.gguf: the width of t is 33 where a multiple of its type's blocks was expected: the file is damaged; download it again"
        ],
    );
    check(
        file(&[256], 13, 176),
        expect![
            "m.gguf: t is of type Q5_K; F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q4_K and Q6_K are read: use a file of one of these"
        ],
    );
    check(
        file(&[256], 77, 176),
        expect![
            "m.gguf: t is of type number 77; F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q4_K and Q6_K are read: use a file of one of these"
        ],
    );
    let twice = GgufFile::default().tensor("t", &[1], 0, vec![0; 4]).tensor("t", &[1], 0, vec![0; 4]).write();
    check(
        twice,
        expect!["m.gguf: t is there twice where each tensor once was expected: the file is damaged; download it again"],
    );
}

#[test]
fn alignment_is_what_the_file_says() {
    let file = |alignment| GgufFile::default().count("general.alignment", alignment).tensor("t", &[1], 0, vec![0; 4]);
    assert_eq!(read(file(32).write()).unwrap().tensors[0].length, 4);
    for alignment in [0, 3, 4, 1 << 21] {
        let error = read(file(alignment).write()).unwrap_err().to_string();
        assert!(error.contains("general.alignment is Unsigned"), "{error}");
    }
}

#[test]
fn what_no_builder_computes_is_refused_by_name() {
    build(&llama_file(F32)).unwrap();
    let refused = |file: GgufFile, expected: Expect| {
        let error = build(&file).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
        expected.assert_eq(&error.to_string());
    };
    refused(
        GgufFile::default().text("general.architecture", "mamba"),
        expect![[
            r#"no graph builder for the architecture "mamba" of a GGUF file: use one of llama, qwen2, qwen3, phi3, gemma2, gemma3, gpt2"#
        ]],
    );
    refused(
        llama_file(F32).count("llama.expert_count", 8),
        expect![
            "llama.expert_count of this GGUF file is Unsigned(8), for which there is no builder (a model without it): use the model's safetensors"
        ],
    );
    refused(
        llama_file(F32).text("llama.rope.scaling.type", "yarn"),
        expect![[
            r#"llama.rope.scaling.type of this GGUF file is "yarn", for which there is no builder ("none" or "linear"): use the model's safetensors"#
        ]],
    );
    refused(
        llama_file(F32).count("split.count", 2),
        expect![
            "split.count of this GGUF file is 2, for which there is no builder (one file: join it with llama.cpp's gguf-split --merge): use the model's safetensors"
        ],
    );
    let norms = llama_file(F32).tensor("blk.0.attn_q_norm.weight", &[16], 0, vec![0; 64]);
    refused(
        norms,
        expect![
            "the tensor blk.0.attn_q_norm.weight of this GGUF file is there, for which there is no builder (the tensors of the architecture): use the model's safetensors"
        ],
    );
    let bias = llama_file(F32).tensor("blk.0.attn_q.bias", &[32], 0, vec![0; 128]);
    refused(
        bias,
        expect![
            "the tensor blk.0.attn_q.bias of this GGUF file is there, for which there is no builder (the tensors of the architecture): use the model's safetensors"
        ],
    );
    let frequencies = llama_file(F32).tensor("rope_factors_long.weight", &[8], 0, vec![0; 32]);
    refused(
        frequencies,
        expect![
            "rope_factors_long.weight of this GGUF file is there, for which there is no builder (a model without frequencies of its own): use the model's safetensors"
        ],
    );
    let lists = [&4u32.to_le_bytes()[..], &1u64.to_le_bytes(), &2u32.to_le_bytes()].concat();
    let heads = GgufFile::default()
        .text("general.architecture", "llama")
        .count("llama.embedding_length", 32)
        .key("llama.attention.head_count", 9, &lists)
        .tensor("token_embd.weight", &[32, 4], 0, vec![0; 512]);
    refused(
        heads,
        expect![
            "llama.attention.head_count of this GGUF file is a list with one number a layer, for which there is no builder (one number for all layers): use the model's safetensors"
        ],
    );
}

#[test]
fn the_tokenizer_is_what_the_file_has() {
    let tokenizer = read(llama_file(F32).write()).unwrap().tokenizer().unwrap().unwrap();
    assert_eq!((tokenizer.model.as_str(), tokenizer.tokens.as_slice()), ("gpt2", &["a".to_owned()][..]));
    assert_eq!((tokenizer.add_bos, tokenizer.merges, tokenizer.chat_template), (Some(true), None, None));
    assert_eq!(read(GgufFile::default().write()).unwrap().tokenizer().unwrap(), None);
    let wrong = GgufFile::default().text("tokenizer.ggml.model", "llama").text("tokenizer.ggml.tokens", "a");
    let error = read(wrong.write()).unwrap().tokenizer().unwrap_err().to_string();
    expect![
        "the GGUF file has no tokenizer.ggml.tokens, or not as a list of text: it is not whole; convert the model again"
    ]
    .assert_eq(&error);
}
