//! kill -9 at every step of a write: a process is traced, and killed before the
//! first call that changes the disk, in another run before the second, and so
//! on until it comes to its end. After each, the store is sound and the same
//! work succeeds.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{noise, on};
use pelago_dag::{Blocks, Cid};
use pelago_store::Store;

const TARGET: &str = "PELAGO_TEST_STEPS_STORE";
const SOURCE: &str = "PELAGO_TEST_STEPS_SOURCE";
const TASK: &str = "PELAGO_TEST_STEPS_TASK";

/// A large file, which has an extent of its own, and a small one.
fn files() -> Vec<(String, bytes::Bytes)> {
    vec![("large".to_owned(), noise(1, 1_500_000)), ("small".to_owned(), noise(2, 99))]
}

async fn task(store: &Store, source: &Store, task: &str) {
    let root = source.roots().await.unwrap()[0].cid;
    match task {
        "add" => drop(store.add_files(files(), vec![]).await.unwrap()),
        "fetch" => {
            let ingest = store.ingest(root).await.unwrap();
            for cid in source.blocks(root).await.unwrap() {
                ingest.put(cid, source.get(&cid).await.unwrap()).await.unwrap();
            }
            ingest.finish().await.unwrap();
        }
        "pin" => store.pin(root).await.unwrap(),
        _ => {
            let pinned: Vec<Cid> = store.pins().await.unwrap().iter().map(|pin| pin.root).collect();
            for root in store.roots().await.unwrap().iter().filter(|root| !pinned.contains(&root.cid)) {
                store.remove(root.cid).await.unwrap();
            }
            store.gc().await.unwrap();
        }
    }
}

#[test]
#[ignore = "run by the tests below, as a process of its own"]
fn worker() {
    let (Ok(store), Ok(source), Ok(name)) = (std::env::var(TARGET), std::env::var(SOURCE), std::env::var(TASK)) else {
        return;
    };
    let (store, source) = (Store::open(store).unwrap(), Store::open(source).unwrap());
    on(task(&store, &source, &name));
}

/// Calls that change what is on the disk, or make sure that it is there.
const CHANGES: [libc::c_long; 17] = [
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_writev,
    libc::SYS_pwritev,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_copy_file_range,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_rename,
    libc::SYS_renameat2,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
];

/// Runs a task and kills it before its `step`th call that changes something. True if it came to its end before.
#[expect(clippy::zombie_processes, reason = "it is waited for with its threads, below")]
fn run_to(step: usize, target: &Path, source: &Path, task: &str) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["worker", "--exact", "--ignored", "--test-threads=1"]).stdout(Stdio::null());
    command.env(TARGET, target).env(SOURCE, source).env(TASK, task);
    // SAFETY: `ptrace` with this request only marks the process as traced.
    let traced = || match unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    };
    // SAFETY: between fork and exec only this one call is made.
    unsafe { command.pre_exec(traced) };
    let child = command.spawn().unwrap();
    let pid = child.id() as libc::pid_t;
    let mut changes = 0;
    let mut entered = BTreeSet::new();
    let mut first = true;
    loop {
        let mut status = 0;
        // SAFETY: it writes the status. Only children and tracees of this thread are waited for.
        let thread = unsafe { libc::waitpid(-1, &mut status, libc::__WALL | libc::__WNOTHREAD) };
        assert!(thread > 0, "waiting: {}", std::io::Error::last_os_error());
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            if thread == pid {
                assert!(libc::WIFSIGNALED(status) || libc::WEXITSTATUS(status) == 0, "the task fails at step {step}");
                return libc::WIFEXITED(status);
            }
            continue;
        }
        if std::mem::take(&mut first) {
            let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
            // SAFETY: the thread is stopped and traced by this one.
            assert_eq!(unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, thread, 0, options) }, 0);
        }
        let signal = libc::WSTOPSIG(status);
        let in_call = signal == libc::SIGTRAP | 0x80;
        // Each call stops twice: on its way in, and out.
        if in_call && !entered.remove(&thread) {
            entered.insert(thread);
            // SAFETY: zeroes are valid registers, and the call below fills them for a thread that is stopped.
            let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
            let asked = unsafe { libc::ptrace(libc::PTRACE_GETREGS, thread, 0, &mut registers) };
            if asked == 0 && CHANGES.contains(&(registers.orig_rax as libc::c_long)) {
                changes += 1;
                if changes == step {
                    // SAFETY: the process is this test's own, and not yet waited for.
                    unsafe { libc::kill(pid, libc::SIGKILL) };
                    continue;
                }
            }
        }
        let pass = if in_call || matches!(signal, libc::SIGTRAP | libc::SIGSTOP) { 0 } else { signal };
        // SAFETY: the thread is stopped and traced by this one. One that was killed meanwhile says so at the next wait.
        unsafe { libc::ptrace(libc::PTRACE_SYSCALL, thread, 0, pass) };
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

/// The index and the disk agree, every block is what its CID says, and every root is whole.
fn check_sound(dir: &Path) -> Vec<Cid> {
    let store = Store::open(dir).unwrap();
    let index = rusqlite::Connection::open(dir.join("store.sqlite")).unwrap();
    let mut statement = index.prepare("SELECT name FROM extents").unwrap();
    let named: BTreeSet<String> = statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(named, names(&dir.join("extents")), "the index and the disk agree");
    let mut statement = index.prepare("SELECT cid FROM blocks").unwrap();
    let blocks = statement.query_map([], |r| r.get::<_, Vec<u8>>(0)).unwrap();
    for cid in blocks.map(|bytes| Cid::try_from(&bytes.unwrap()[..]).unwrap()) {
        on(store.get(&cid)).unwrap();
    }
    let roots: Vec<Cid> = on(store.roots()).unwrap().iter().map(|root| root.cid).collect();
    for root in &roots {
        on(store.verify(*root)).unwrap();
    }
    roots
}

/// Kills a task at each of its steps, in a store that `prepare` has made ready. Gives the number of steps.
fn killed_at_every_step(name: &str, prepare: impl Fn(&Store), done: impl Fn(&Store)) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    let root = on(Store::open(&source).unwrap().add_files(files(), vec![])).unwrap().root;
    // Kept whatever happens: nothing that was there before may be lost.
    let kept = |store: &Store| on(store.add_files(vec![("kept".to_owned(), noise(9, 50_000))], vec![])).unwrap().root;
    for step in 1.. {
        let target = dir.path().join(format!("store-{step}"));
        let store = Store::open(&target).unwrap();
        let kept = kept(&store);
        on(store.pin(kept)).unwrap();
        prepare(&store);
        drop(store);
        let ended = run_to(step, &target, &source, name);
        let roots = check_sound(&target);
        assert!(roots.contains(&kept), "step {step}: what was there is there");
        assert!(roots.iter().all(|r| *r == kept || *r == root), "step {step}: {roots:?}");
        let (store, from) = (Store::open(&target).unwrap(), Store::open(&source).unwrap());
        on(task(&store, &from, name));
        done(&store);
        drop(store);
        check_sound(&target);
        std::fs::remove_dir_all(&target).unwrap();
        if ended {
            return step - 1;
        }
    }
    unreachable!("some run comes to its end")
}

#[test]
fn adding() {
    let steps = killed_at_every_step("add", |_| {}, |store| assert_eq!(on(store.roots()).unwrap().len(), 2));
    assert!(steps > 10, "{steps}");
}

#[test]
fn fetching() {
    let steps = killed_at_every_step("fetch", |_| {}, |store| assert_eq!(on(store.roots()).unwrap().len(), 2));
    assert!(steps > 10, "{steps}");
}

#[test]
fn removing_and_collecting() {
    let prepare = |store: &Store| drop(on(store.add_files(files(), vec![])).unwrap());
    let done = |store: &Store| {
        assert_eq!(on(store.roots()).unwrap().len(), 1);
        assert_eq!(names(&store.dir().join("extents")).len(), 1, "only what is kept");
    };
    let steps = killed_at_every_step("collect", prepare, done);
    assert!(steps > 5, "{steps}");
}

#[test]
fn pinning() {
    let prepare = |store: &Store| drop(on(store.add_files(files(), vec![])).unwrap());
    let steps = killed_at_every_step("pin", prepare, |store| assert_eq!(on(store.pins()).unwrap().len(), 2));
    assert!(steps > 3, "{steps}");
}
