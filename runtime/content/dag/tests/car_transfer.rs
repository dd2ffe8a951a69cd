//! A DAG out to a CAR and in again: exactly what is under the roots, or an error that names the block.

mod fixtures;

use bytes::Bytes;
use fixtures::{DAG_PB, Dag, RAW, cid_of, identity, noise, run};
use pelago_dag::car::{Imported, export, import};
use pelago_dag::{BlockError, Blocks, CarError, CarLimits, CarReader, CarWriter, Cid, MemoryBlocks};

async fn model(dag: &Dag) -> Cid {
    let weights = dag.file_of(&noise(1, 5000), 700, 3).await;
    let config = dag.raw(b"{}").await;
    let nested = dag.folder(&[("config.json", config), ("own", identity(RAW, b"own"))]).await;
    dag.folder(&[("config.json", config), ("nested", nested), ("weights.onnx", weights)]).await
}

async fn exported(dag: &Dag, root: Cid) -> Vec<u8> {
    let (bytes, done) = export(dag.blocks(), root, Vec::new()).await.expect("it is all here");
    assert_eq!(done.bytes, bytes.len() as u64);
    bytes
}

async fn read(car: &[u8]) -> Vec<(Cid, Bytes)> {
    let mut reader = CarReader::open(car, CarLimits::default()).await.expect("a CAR");
    let mut blocks = Vec::new();
    while let Some(block) = reader.next().await.expect("a block") {
        blocks.push(block);
    }
    blocks
}

async fn write(roots: &[Cid], blocks: &[(Cid, Bytes)]) -> Vec<u8> {
    let mut writer = CarWriter::new(Vec::new(), roots).await.expect("a header");
    for (cid, bytes) in blocks {
        writer.put(cid, bytes).await.expect("a block");
    }
    writer.finish().await.expect("an end").0
}

async fn import_new(car: &[u8]) -> Result<Imported, CarError> {
    import(car, &MemoryBlocks::default(), CarLimits::default()).await
}

#[test]
fn what_goes_out_comes_in() {
    run(async {
        let dag = Dag::default();
        let root = model(&dag).await;
        let car = exported(&dag, root).await;
        let other = Dag::default();
        let done = import(&car[..], &*other.0, CarLimits::default()).await.expect("it is whole");
        let blocks = read(&car).await;
        assert_eq!(
            done,
            Imported { roots: vec![root], blocks: blocks.len() as u64, duplicates: 0, bytes: car.len() as u64 }
        );
        assert_eq!(exported(&other, root).await, car);
        // Any order will do: some tools write leaves first.
        let backwards: Vec<_> = blocks.iter().rev().cloned().collect();
        assert_eq!(import_new(&write(&[root], &backwards).await).await.expect("it is whole").blocks, done.blocks);
    });
}

#[test]
fn repeated_blocks_are_counted_and_identity_blocks_are_let_be() {
    run(async {
        let dag = Dag::default();
        let root = model(&dag).await;
        let mut blocks = read(&exported(&dag, root).await).await;
        let count = blocks.len() as u64;
        blocks.extend([blocks[0].clone(), blocks[3].clone(), blocks[3].clone()]);
        blocks.push((identity(RAW, b"own"), Bytes::from_static(b"own")));
        let done = import_new(&write(&[root], &blocks).await).await.expect("nothing is missing");
        assert_eq!((done.blocks, done.duplicates), (count, 3));
    });
}

#[test]
fn a_missing_block_is_named_whichever_it_is() {
    run(async {
        let dag = Dag::default();
        let root = model(&dag).await;
        let blocks = read(&exported(&dag, root).await).await;
        for left_out in 0..blocks.len() {
            let mut some = blocks.clone();
            let (gone, _) = some.remove(left_out);
            let car = write(&[root], &some).await;
            // Without an intermediate node, what was below it is not reached: the node is what is missing.
            let error = import_new(&car).await.expect_err("a block is missing");
            assert!(matches!(&error, CarError::Missing { cid } if **cid == gone), "{error}");
            // Even where it is here already: the CAR is not whole.
            let error = import(&car[..], &*dag.0, CarLimits::default()).await.expect_err("a block is missing");
            assert!(matches!(&error, CarError::Missing { cid } if **cid == gone), "{error}");
        }
    });
}

#[test]
fn a_block_that_belongs_to_nothing_is_named() {
    run(async {
        let dag = Dag::default();
        let root = model(&dag).await;
        let blocks = read(&exported(&dag, root).await).await;
        let extra = Bytes::from_static(b"extra");
        for at in [0, 3, blocks.len()] {
            let mut more = blocks.clone();
            more.insert(at, (cid_of(RAW, &extra), extra.clone()));
            let error = import_new(&write(&[root], &more).await).await.expect_err("a block too many");
            assert!(matches!(&error, CarError::Extra { cid, .. } if **cid == cid_of(RAW, &extra)), "{error}");
        }
        // As a second root it belongs.
        let mut more = blocks.clone();
        more.push((cid_of(RAW, &extra), extra.clone()));
        let roots = [root, cid_of(RAW, &extra)];
        assert_eq!(import_new(&write(&roots, &more).await).await.expect("both are whole").roots, roots);
        let error = import_new(&write(&[], &blocks).await).await.expect_err("no root");
        assert!(matches!(error, CarError::NoRoot));
    });
}

#[test]
fn no_damage_at_any_byte_is_taken_for_the_model() {
    run(async {
        let dag = Dag::default();
        let leaf = dag.raw(b"leaf").await;
        let file = dag.file_of(b"abcdefgh", 4, 2).await;
        let root = dag.folder(&[("file", file), ("leaf", leaf)]).await;
        let car = exported(&dag, root).await;
        for at in 0..car.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut damaged = car.clone();
                damaged[at] ^= flip;
                let kept = Dag::default();
                let result = import(&damaged[..], &*kept.0, CarLimits::default()).await;
                assert!(result.is_err(), "byte {at} ^ {flip:#x} was taken for whole");
            }
            let result = import_new(&car[..at]).await;
            assert!(result.is_err(), "{at} bytes were taken for whole");
        }
    });
}

#[test]
fn what_is_not_whole_does_not_go_out() {
    run(async {
        let dag = Dag::default();
        let gone = cid_of(DAG_PB, b"gone");
        let root = dag.folder(&[("gone", gone)]).await;
        let error = export(dag.blocks(), root, Vec::new()).await.expect_err("a block is missing");
        assert!(matches!(&error, CarError::Store(BlockError::MissingBlock { cid }) if **cid == gone), "{error}");
        let full = tokio::io::duplex(16).0;
        let leaf = dag.raw(&noise(1, 100_000)).await;
        let error = export(dag.blocks(), leaf, full).await.expect_err("nobody reads");
        assert!(matches!(error, CarError::Write { .. }), "{error}");
        assert!(dag.0.has(&[leaf]).await.expect("it is asked")[0]);
    });
}
