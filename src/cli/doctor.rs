//! `assay doctor`: what a run would use, and what is missing, before the night in which it counts.

use super::{Global, load_or_explain};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::open::Layer;
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
use std::path::{Path, PathBuf};

/// Options of `assay doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Files or folders of scenarios to look after; the default scenario folder when left out
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// One thing that was looked at.
struct Finding {
    what: String,
    found: Result<String>,
}

/// Looks at everything and says what it found; anything that would make a run end as `error` ends this with 3.
pub async fn doctor(args: DoctorArgs, global: &Global, cx: &Context) -> Exit {
    let loaded = match load_or_explain(args.paths, global, cx) {
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
    findings.extend(secrets(&loaded.scenarios, cx));
    let wrong = findings.iter().any(|f| f.found.is_err());
    findings.retain(|f| f.found.is_err() || !global.quiet);
    let printed = cx.print(&render(&findings));
    if wrong { Exit::Unverified } else { printed }
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
        let Some(recipe) = subject(&spec).recipe(&Facts::default()) else { continue };
        let found = runtime.installations(recipe.as_ref()).await.and_then(|installations| {
            recipe.choose(&installations)?;
            let each = installations.iter().map(|i| format!("{} in {}", i.version, i.bin.display()));
            Ok(each.collect::<Vec<_>>().join(", "))
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

/// The secrets that open the scenarios' artifacts; those of the stores are needed to look at these.
fn secrets(scenarios: &[Scenario], cx: &Context) -> Vec<Finding> {
    let references = scenarios.iter().flat_map(|s| s.open.iter().flat_map(Layer::secrets).map(|secret| (&s.name, secret)));
    let read =
        |(name, secret)| Finding { what: format!("key of {name}"), found: cx.secrets.read(secret).map(|_| secret.to_string()) };
    references.map(read).collect()
}

fn scratch(settings: &Settings, runtime: &LocalRuntime) -> Result<String> {
    let id = format!("doctor-{}", std::process::id());
    let scratch = Scratch::create(&settings.scratch, &id, runtime.user())?;
    let room = scratch.room("doctor")?;
    let free = rustix::fs::statvfs(room.path()).map_err(|error| Error::harness(format!("no file system figures: {error}")))?;
    Ok(format!("{}: {} free", settings.scratch.display(), Bytes(free.f_bavail * free.f_frsize)))
}

/// Tries the folder, or the nearest one above that is there: a doctor leaves nothing behind.
fn writable(folder: &Path) -> Result<String> {
    let there = folder.ancestors().find(|above| above.is_dir()).unwrap_or(folder);
    let probe = there.join(format!(".doctor-{}", std::process::id()));
    let tried = std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe));
    tried.map_err(|error| Error::harness(format!("{} cannot be written: {error}", there.display())))?;
    Ok(folder.display().to_string())
}

/// Lists what the first scenario of a store would list.
async fn look(spec: &StoreSpec, prefix: Option<&str>, secrets: &Secrets) -> Result<String> {
    let store = store::connect(spec, secrets).await?;
    let mut objects = 0;
    let prefix = prefix.unwrap_or_default();
    store.list(prefix, None, &mut |_| objects += 1).await?;
    if objects == 0 {
        return Err(Error::scenario(format!("{} answers, and holds no object below `{prefix}`", store.location()))
            .hint("Check `key` and `prefix`, and whether any backup was made."));
    }
    let objects = counted(objects, "object");
    Ok(format!("{} answers, {objects} below `{prefix}`", store.location()))
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
