//! `assay doctor`: what a run would use, and what is missing, before the night in which it counts.

use super::selection::SelectionArgs;
use super::{Global, load_or_explain, print};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::report::text::counted;
use crate::runtime::local::{LocalRuntime, Scratch};
use crate::scenario::load::Loaded;
use crate::scenario::{Scenario, Settings, StoreSpec, SubjectSpec};
use crate::secret::Secrets;
use crate::store;
use crate::subject::{Facts, postgres::PostgresSpec, subject};
use crate::units::Bytes;
use clap::Args;
use std::fmt::Write as _;
use std::path::Path;

/// Options of `assay doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Which scenarios to look after
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// One thing that was looked at.
struct Finding {
    what: String,
    found: Result<String>,
}

/// Looks at everything and says what it found; anything that would make a run end as `error` ends this with 3.
pub async fn doctor(args: DoctorArgs, global: &Global, cx: &Context) -> Exit {
    let paths = args.selection.which.iter().map(Into::into).collect();
    let loaded = match load_or_explain(paths, global, cx) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let mut findings = vec![configuration(&loaded)];
    findings.extend(runtime(&loaded, cx).await);
    findings.push(Finding { what: "reports".into(), found: writable(&loaded.settings.reports) });
    for (name, spec) in &loaded.settings.stores {
        let prefix = loaded.scenarios.iter().find(|s| s.artifact.store == *name).map(|s| s.artifact.key.prefix());
        findings.push(Finding { what: format!("store {name}"), found: look(spec, prefix, &cx.secrets).await });
    }
    print(&render(&findings));
    if findings.iter().any(|f| f.found.is_err()) { Exit::Unverified } else { Exit::Passed }
}

fn configuration(loaded: &Loaded) -> Finding {
    let file = loaded.settings.file.as_ref().map_or("no assay.yaml".to_owned(), |file| file.display().to_string());
    let scenarios = counted(loaded.scenarios.len(), "scenario");
    let count = format!("{scenarios}, {}", counted(loaded.settings.stores.len(), "store"));
    Finding { what: "configuration".into(), found: Ok(format!("{file}: {count}")) }
}

/// The server programs that are there, whom they would run as, and where.
async fn runtime(loaded: &Loaded, cx: &Context) -> Vec<Finding> {
    let runtime = match LocalRuntime::new(&loaded.settings.runtime, &cx.secrets) {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding { what: "runtime".into(), found: Err(error) }],
    };
    let mut findings = vec![
        Finding { what: "runtime".into(), found: Ok(format!("local; servers run as {}", runtime.user().name())) },
        Finding { what: "scratch".into(), found: scratch(&loaded.settings, &runtime) },
    ];
    for spec in subjects(&loaded.scenarios) {
        let recipe = subject(&spec).recipe(&Facts::default());
        let installations = runtime.installations(recipe.as_ref()).await;
        let found = recipe.choose(&installations).map(|_| {
            let each = installations.iter().map(|i| format!("{} in {}", i.version, i.bin.display()));
            each.collect::<Vec<_>>().join(", ")
        });
        findings.push(Finding { what: recipe.engine().to_owned(), found });
    }
    findings
}

/// One subject of each kind that the scenarios name; without any, what assay can restore at all.
fn subjects(scenarios: &[Scenario]) -> Vec<SubjectSpec> {
    let mut found: Vec<SubjectSpec> = Vec::new();
    for scenario in scenarios {
        if !found.iter().any(|spec| subject(spec).kind() == subject(&scenario.subject).kind()) {
            found.push(scenario.subject.clone());
        }
    }
    if found.is_empty() { vec![SubjectSpec::Postgres(PostgresSpec::default())] } else { found }
}

fn scratch(settings: &Settings, runtime: &LocalRuntime) -> Result<String> {
    let id = format!("doctor-{}", std::process::id());
    let scratch = Scratch::create(&settings.scratch, &id, runtime.user())?;
    let room = scratch.room("doctor")?;
    let free = rustix::fs::statvfs(room.path()).map_err(|error| Error::harness(format!("no file system figures: {error}")))?;
    Ok(format!("{}: {} free", settings.scratch.display(), Bytes(free.f_bavail * free.f_frsize)))
}

fn writable(folder: &Path) -> Result<String> {
    let probe = folder.join(format!(".doctor-{}", std::process::id()));
    let tried =
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&probe, "")).and_then(|()| std::fs::remove_file(&probe));
    tried.map_err(|error| Error::harness(format!("{} cannot be written: {error}", folder.display())))?;
    Ok(folder.display().to_string())
}

/// Lists what the first scenario of a store would list.
async fn look(spec: &StoreSpec, prefix: Option<&str>, secrets: &Secrets) -> Result<String> {
    let store = store::connect(spec, secrets).await?;
    let mut objects = 0u64;
    let prefix = prefix.unwrap_or_default();
    store.list(prefix, None, &mut |_| objects += 1).await?;
    Ok(format!("{} answers, {objects} objects below `{prefix}`", store.location()))
}

fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { what, found } in findings {
        match found {
            Ok(found) => {
                let _ = writeln!(text, "ok     {what:<14} {found}");
            }
            Err(error) => {
                let _ = writeln!(text, "WRONG  {what:<14} {}", error.message);
                for line in error.hint.iter().chain(&error.evidence) {
                    let _ = writeln!(text, "       {:<14} {line}", "");
                }
            }
        }
    }
    text
}
