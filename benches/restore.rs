//! A large dump from the store to the verdict, beside the bare tools with the same server settings and beside the procedure that
//! people run by hand, in the same run. Times are printed and never decide anything.
//!
//! `make bench` runs it, or `cargo bench --bench restore`. `ASSAY_BENCH_MIB` is the database's size (1024), `ASSAY_BENCH_ROUNDS` the
//! number of rounds (5), `ASSAY_BENCH_DIR` the folder to work in: it needs three times the database's size.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A fleet of this many scenarios.
const FLEET: usize = 4;

fn main() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (mib, rounds) = (number("ASSAY_BENCH_MIB", 1024), number("ASSAY_BENCH_ROUNDS", 5));
    let base = std::env::var_os("ASSAY_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::Builder::new().prefix("assay-bench-").tempdir_in(base).expect("a temporary folder");
    // The servers of the bare tools run as another user.
    std::process::Command::new("chmod").arg("755").arg(dir.path()).status().expect("chmod");
    let bench = Bench { dir: dir.path().to_owned() };
    bench.prepare(mib);
    println!("machine:  {}", support::machine());
    let size = |name: &str| std::fs::metadata(bench.dir.join(name)).expect("a file").len() >> 20;
    println!("database: {mib} MiB, dump: {} MiB, {rounds} rounds each in turn, medians", size("large.dump"));
    bench.one(rounds);
    bench.fleet(rounds);
}

struct Bench {
    dir: PathBuf,
}

impl Bench {
    /// The database, its dump in a store, scenarios for it, and the cluster that the bare tools restore into.
    fn prepare(&self, mib: usize) {
        support::run(tools(&["make", &self.room(), &mib.to_string()]));
        std::fs::create_dir_all(self.dir.join("scenarios")).expect("folder");
        std::fs::create_dir_all(self.dir.join("backups")).expect("folder");
        self.write("assay.yaml", "stores:\n  here: { dir: backups }\nscratch: { dir: scratch }\n");
        self.scenario("large", "{}");
        self.scenario("unsurveyed", "{ survey: false }");
        for number in 0..FLEET {
            self.scenario(&format!("fleet-{number}"), "{}");
        }
        self.settings();
        support::run(tools(&["cluster", &self.room()]));
    }

    fn scenario(&self, name: &str, postgres: &str) {
        std::fs::hard_link(self.dir.join("large.dump"), self.dir.join(format!("backups/{name}-20261121-033000.dump")))
            .expect("link");
        let artifact = format!("{{ store: here, key: \"{name}-{{timestamp}}.dump\" }}");
        self.write(
            &format!("scenarios/{name}.yaml"),
            &format!(
                "name: {name}\ntags: [{}]\nartifact: {artifact}\npostgres: {postgres}\n",
                name.split('-').next().unwrap_or(name)
            ),
        );
    }

    /// The settings of assay's own server, out of one that was left running.
    fn settings(&self) {
        let mut command = support::assay(&self.dir);
        command.args(["run", "large", "--quiet", "--keep"]);
        support::run(command);
        let evidence = std::fs::read(self.dir.join("reports/out/latest/evidence.json")).expect("evidence");
        let evidence: serde_json::Value = serde_json::from_slice(&evidence).expect("JSON");
        let kept = &evidence["scenarios"][0]["kept"];
        let connect = kept["connect"].as_str().expect("a kept server");
        let socket = connect.split_once("-h ").and_then(|(_, rest)| rest.split(' ').next()).expect("its socket");
        let file = Path::new(socket).with_file_name("data").join("postgresql.conf");
        let settings = std::fs::read_to_string(file).expect("its settings");
        let same: Vec<_> = settings.lines().filter(|line| !line.starts_with("unix_socket_directories")).collect();
        self.write("settings", &(same.join("\n") + "\n"));
        let mut remove = Command::new("sh");
        remove.args(["-c", kept["remove"].as_str().expect("how to remove it")]);
        support::run(remove);
    }

    fn one(&self, rounds: usize) {
        let (dump, room) = (self.dir.join("large.dump").display().to_string(), self.room());
        let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
        let [with, without, tuned, plain, read] = support::medians(
            rounds,
            [
                &|| self.assay(&["large"]),
                &|| self.assay(&["unsurveyed"]),
                &|| support::run(tools(&["tuned", &room, &dump, &jobs])),
                &|| support::run(tools(&["plain", &room, &dump])),
                &|| support::run(tools(&["read", &dump])),
            ],
        );
        let bare = tuned.0.as_secs_f64();
        let over = |time: Duration| (time.as_secs_f64() / bare - 1.0) * 100.0;
        println!("bare tools, the same settings, -j {jobs}          {bare:>7.2} s");
        println!(
            "assay, with the artifact's census          {:>7.2} s   {:+.1} %, budget +5 %",
            with.0.as_secs_f64(),
            over(with.0)
        );
        println!(
            "assay, without                             {:>7.2} s   {:+.1} %, budget +2 %",
            without.0.as_secs_f64(),
            over(without.0)
        );
        let ratio = with.0.as_secs_f64() / plain.0.as_secs_f64();
        println!(
            "by hand: default server, serial, counts    {:>7.2} s   assay takes {ratio:.2} of it, budget 0.65",
            plain.0.as_secs_f64()
        );
        println!("pg_restore -f /dev/null                    {:>7.2} s", read.0.as_secs_f64());
        println!("assay's own peak memory                    {:>7} MiB, budget 64", with.1.max(without.1) >> 20);
    }

    fn fleet(&self, rounds: usize) {
        let [together, in_turn] =
            support::medians(rounds, [&|| self.assay(&["fleet", "--jobs", "2"]), &|| self.assay(&["fleet", "--jobs", "1"])]);
        let ratio = together.0.as_secs_f64() / in_turn.0.as_secs_f64();
        println!("{FLEET} scenarios, --jobs 2                      {:>7.2} s", together.0.as_secs_f64());
        println!(
            "{FLEET} scenarios, one after another             {:>7.2} s   ratio {ratio:.2}, budget 0.90",
            in_turn.0.as_secs_f64()
        );
    }

    fn assay(&self, args: &[&str]) -> (Duration, u64) {
        let mut command = support::assay(&self.dir);
        command.args(["run", "--quiet"]).args(args);
        support::run(command)
    }

    fn room(&self) -> String {
        self.dir.display().to_string()
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.dir.join(name), content).expect("write");
    }
}

fn tools(args: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/tools.sh")).args(args);
    command
}
