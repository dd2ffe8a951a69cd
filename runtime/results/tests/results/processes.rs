//! Many processes at once, and processes that are killed. The processes are
//! this test binary, started again.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use pelago_results::{Filter, Results};

use crate::common::{ids, ids_of, report};

const DIR: &str = "RESULTS_DIR";
const RUNS: &str = "RESULTS_RUNS";
const ROLE: &str = "RESULTS_ROLE";
const MARK: &str = "acknowledged ";

/// Not a test: what a process does that one of the tests below started.
#[tokio::test]
#[ignore = "started by the other tests, in processes of their own"]
async fn process() {
    let results = Results::open(std::env::var(DIR).unwrap()).await.unwrap();
    let runs: usize = std::env::var(RUNS).unwrap().parse().unwrap();
    let role = std::env::var(ROLE).unwrap();
    for _ in 0..runs {
        match role.as_str() {
            "record" => {
                let id = uuid::Uuid::now_v7().to_string();
                results.record(&report(&id)).await.unwrap();
                println!("{MARK}{id}");
            }
            _ => println!("{MARK}{}", results.history(Filter::default()).await.unwrap().height()),
        }
    }
}

fn start(role: &str, dir: &Path, runs: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "processes::process", "--nocapture"])
        .env(DIR, dir)
        .env(RUNS, runs.to_string())
        .env(ROLE, role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a process acknowledged until it ended; a line that it could not finish is none.
fn acknowledged(child: &mut Child) -> Vec<String> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut ids, mut line) = (Vec::new(), String::new());
    while lines.read_line(&mut line).unwrap() > 0 {
        if let Some((_, id)) = line.strip_suffix('\n').and_then(|line| line.split_once(MARK)) {
            ids.push(id.to_owned());
        }
        line.clear();
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_record_while_others_ask() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorders: Vec<Child> = (0..6).map(|_| start("record", folder.path(), 40)).collect();
    let mut askers: Vec<Child> = (0..2).map(|_| start("ask", folder.path(), 10)).collect();
    let results = Results::open(folder.path()).await.unwrap();
    let mut seen = 0;
    for _ in 0..5 {
        let (here, clone) = (ids(&results), results.clone());
        let there = tokio::spawn(async move { clone.sql("SELECT run_id FROM runs").await.unwrap().height() });
        let now = here.await.len().max(there.await.unwrap());
        assert!(now >= seen, "{seen} rows became {now}");
        seen = now;
    }
    let mut expected = Vec::new();
    for child in &mut recorders {
        expected.extend(acknowledged(child));
        assert!(child.wait().unwrap().success());
    }
    for child in &mut askers {
        let counts: Vec<usize> = acknowledged(child).iter().map(|count| count.parse().unwrap()).collect();
        assert!(counts.len() == 10 && counts.is_sorted(), "{counts:?}");
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(expected.len(), 240);
    let mut found = ids(&results).await;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    results.close().await.unwrap();
    assert_eq!(
        std::fs::read_dir(folder.path().join("journal")).unwrap().count(),
        0,
        "journals of the dead are deleted"
    );
}

#[tokio::test]
async fn many_dead_journals_are_absorbed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for run in 0..1100 {
        let results = Results::open(folder.path()).await.unwrap();
        results.record(&report(&format!("{run:04}"))).await.unwrap();
    }
    let results = Results::open(folder.path()).await.unwrap();
    assert_eq!(ids(&results).await.len(), 1100);
    assert_eq!(std::fs::read_dir(folder.path().join("journal")).unwrap().count(), 0);
}

/// The first moments, when the database itself is being made, and the last, when
/// journals of the dead are deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_the_database_is_made_costs_nothing() {
    for round in 0..40_u64 {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::open(folder.path()).await.unwrap();
        results.record(&report("a")).await.unwrap();
        drop(results);
        let mut absorber = start("ask", folder.path(), 1);
        tokio::time::sleep(Duration::from_millis(10 + round * 7)).await;
        absorber.kill().unwrap();
        absorber.wait().unwrap();
        assert_eq!(ids(&Results::open(folder.path()).await.unwrap()).await, ["a"], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    let mut round = 0_u64;
    // Rounds enough, and records: where others have the processor, a process that is killed may not have begun.
    while round < 25 || expected.len() <= 25 {
        assert!(round < 500, "the recorders recorded {} in {round} rounds", expected.len());
        // A different moment each round, recorder and absorber alike.
        let mut recorder = start("record", folder.path(), usize::MAX);
        let mut absorber = start("ask", folder.path(), usize::MAX);
        tokio::time::sleep(Duration::from_millis(60 + round * 37 % 211)).await;
        recorder.kill().unwrap();
        tokio::time::sleep(Duration::from_millis(round * 13 % 29)).await;
        absorber.kill().unwrap();
        expected.extend(acknowledged(&mut recorder));
        recorder.wait().unwrap();
        absorber.wait().unwrap();
        let results = Results::open(folder.path()).await.unwrap();
        let found = ids_of(&results.history(Filter::default()).await.unwrap());
        for id in &expected {
            assert_eq!(found.iter().filter(|found| *found == id).count(), 1, "{id} in round {round}");
        }
        // At most the one that was on its way when the recorder was killed.
        assert!(found.len() <= expected.len() + 1 + usize::try_from(round).unwrap());
        round += 1;
    }
}
