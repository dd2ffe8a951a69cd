//! How fast content is added, verified, fetched and read. Run by hand:
//! `cargo test --test speed -- --ignored --nocapture`, with `TMPDIR` on the disk in question and
//! `PELAGO_TEST_MIB` for the size of the file. It prints figures and judges none.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and say why")]

use std::io::Write as _;
use std::time::Instant;

use futures::StreamExt;
use pelago_content::{Blocks, Store};

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

#[test]
#[ignore = "measures, run by hand"]
fn figures() {
    let mib: usize = std::env::var("PELAGO_TEST_MIB").map_or(1024, |n| n.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::create_dir(&source).unwrap();
    let mut file = std::fs::File::create(source.join("w")).unwrap();
    let mut state = 88_172_645_463_325_252_u64;
    let mut chunk = vec![0; 1 << 20];
    for _ in 0..mib {
        for word in chunk.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        file.write_all(&chunk).unwrap();
    }
    drop((file, chunk));
    let idle = resident_mib();
    let timed = |what: &str, since: Instant| {
        let rate = mib as f64 * 1.048_576 / since.elapsed().as_secs_f64();
        println!("{what:<28} {rate:8.0} MB/s   peak {:6.1} MiB over idle", resident_mib() - idle);
    };
    runtime.block_on(async {
        let store = Store::open(dir.path().join("a")).unwrap();
        let at = Instant::now();
        let root = store.add_folder(&source, |_| {}).await.unwrap().root;
        timed("import", at);
        let at = Instant::now();
        store.verify(root).await.unwrap();
        timed("verify, all cores", at);
        for what in ["read, hashed", "read again"] {
            // A store opened anew knows of no block that was hashed; the second read does.
            let at = Instant::now();
            let size = (mib as u64) << 20;
            let mut stream = store.read(&format!("{root}/w"), 0..size).await.unwrap();
            while let Some(piece) = stream.next().await {
                std::hint::black_box(piece.unwrap());
            }
            timed(what, at);
        }
        let other = Store::open(dir.path().join("b")).unwrap();
        let blocks = store.blocks(root).await.unwrap();
        let at = Instant::now();
        let ingest = other.ingest(root).await.unwrap();
        futures::stream::iter(blocks)
            .for_each_concurrent(4, |cid| {
                let (store, ingest) = (&store, &ingest);
                async move { ingest.put(cid, store.get(&cid).await.unwrap()).await.unwrap() }
            })
            .await;
        ingest.finish().await.unwrap();
        timed("ingest from another store", at);
    });
}
