//! Tools that make no progress are ended, and those that only take long are not.

use crate::lab::{Lab, Server, connect};
use assay::error::{Blame, Result};
use assay::runtime::Call;
use assay::runtime::local::ToolRun;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(2);

async fn server() -> (Lab, Server) {
    let lab = Lab::new().with_no_progress(LIMIT);
    let server = lab.start().await;
    (lab, server)
}

async fn run(server: &Server, program: &'static str, args: &[&str]) -> Result<ToolRun> {
    let instance = &server.instance;
    let call = Call::new(program)
        .args(args.iter().copied())
        .env("PGHOST", &instance.place().socket)
        .env("PGUSER", "postgres")
        .secret_env("PGPASSWORD", instance.password());
    instance.run(&call).await
}

/// A file in the server's room, which its user can read.
fn file(server: &Server, name: &str, bytes: &[u8]) -> String {
    let path = server.room.path().join(name);
    std::fs::write(&path, bytes).expect("write");
    path.to_str().expect("UTF-8").to_owned()
}

/// Ended within a few limits, with nothing left of it.
fn assert_ended(what: &str, program: &str, began: Instant, result: Result<ToolRun>) {
    let took = began.elapsed();
    let error = match result {
        Err(error) => error,
        Ok(run) => panic!("{what} ended by itself: {run:?}"),
    };
    assert_eq!(error.blame, Blame::Harness, "{what}: {error:?}");
    let message = format!("{program}: it made no progress for 2s: it read nothing, wrote nothing, and its server did nothing");
    assert_eq!(error.message, message, "{what}");
    assert!(error.hint.is_some() && took >= LIMIT && took < LIMIT * 5, "{what} after {took:?}: {error:?}");
}

#[tokio::test]
async fn a_tool_that_spins_is_ended() {
    let (_lab, server) = server().await;
    let rows = "AS SELECT n, repeat('x', 100) AS text FROM generate_series(1, 2000) AS n";
    server.fill("shop", &format!("CREATE TABLE a {rows}; CREATE TABLE b {rows}")).await;
    let whole = server.dump("shop", &["-Ft"]).await;
    let cut = file(&server, "cut.tar", &whole[..whole.len() / 4]);
    connect(&server.instance, "postgres").await.batch_execute("CREATE DATABASE restored TEMPLATE template0").await.expect("made");
    let began = Instant::now();
    assert_ended("a cut tar", "pg_restore", began, run(&server, "pg_restore", &["-d", "restored", &cut]).await);
}

#[tokio::test]
async fn a_server_that_sleeps_ends_its_tool() {
    let (_lab, server) = server().await;
    let sleep = file(&server, "sleep.sql", b"SELECT pg_sleep(1e9);");
    let began = Instant::now();
    assert_ended("a sleep", "psql", began, run(&server, "psql", &["-X", "-d", "postgres", "-f", &sleep]).await);
}

#[tokio::test]
async fn what_takes_long_is_left_alone() {
    let (_lab, server) = server().await;
    // More than three limits: an index over rows that are hard to compare, then rows that are slow to check, one at a time.
    let slow = "
        CREATE FUNCTION hard(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
        DECLARE until timestamptz := clock_timestamp() + interval '400 ms';
        BEGIN WHILE clock_timestamp() < until LOOP END LOOP; RETURN n; END $$;
        CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 16); CREATE INDEX ON t (hard(n));";
    let slow = file(&server, "slow.sql", slow.as_bytes());
    let began = Instant::now();
    let run = run(&server, "psql", &["-X", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", &slow]).await.expect("it works");
    assert!(run.exit.success() && began.elapsed() > LIMIT * 3, "{run:?} after {:?}", began.elapsed());
}
