//! Restoring an archive with the real mongorestore: the bytes go from the store through the open layers into the tool's standard
//! input, and the survey reads the same bytes on their way. Nothing is written to the disk but the server's own data.

use super::class::Class;
use super::classify::{self, Closing, Judgement};
use super::namespaces::Namespaces;
use super::{MongodbSpec, client, inventory};
use crate::check::{Outcome, Status};
use crate::error::{Blame, Error, Result};
use crate::mongoarchive::{self, Cause, Survey};
use crate::open::arrive::Stream;
use crate::open::tee::Tee;
use crate::report::text::counted;
use crate::runtime::Call;
use crate::runtime::local::{Instance, ToolInput, ToolRun};
use crate::subject::{Attempt, Restored, Surveyed, Tool};
use crate::units::grouped;
use std::io;
use std::time::Duration;
use tokio::sync::oneshot;

/// The name of what the survey says of the bytes.
const ARCHIVE: &str = "archive whole";
/// The name of the comparison of the tool's closing line with the archive.
const COUNTED: &str = "documents restored";

/// How long the tool may go on after a damage was found: it mostly finds it too, and ends by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many damages prove that there is one.
const MOST_EVIDENCE: usize = 20;

/// Restores a stream and surveys it meanwhile. The stream is read to its end in any case.
pub async fn restore(stream: Stream, instance: &Instance, spec: &MongodbSpec) -> Attempt {
    let call = call(instance, spec);
    let (told, mut damaged) = oneshot::channel();
    let (finished, drained) = oneshot::channel::<()>();
    let feeding = move |input| {
        let fed = feed(stream, input, told);
        drop(finished);
        fed
    };
    let fed = {
        let run = instance.run_fed(&call, feeding);
        tokio::pin!(run);
        tokio::select! {
            fed = &mut run => Ok(fed),
            survey = hopeless(&mut damaged) => match tokio::time::timeout(PATIENCE, &mut run).await {
                Ok(fed) => Ok(fed),
                Err(_) => Err(survey),
            },
        }
    };
    let (run, survey) = match fed {
        Ok(Ok((run, Ok(survey)))) => (run, survey),
        Ok(Ok((_, Err(error)))) => return unread(error.into()),
        Ok(Err(error)) => return unread(error),
        Err(survey) => {
            // The tool was killed with its future; what it did not want is still read to the end.
            let _ = drained.await;
            let error = blamed(Error::harness("mongorestore did not end"), &survey);
            return Attempt { surveyed: surveyed(&survey, spec), restored: Err(error) };
        }
    };
    let restored = judge(&call, &run, &survey, instance, spec).await;
    let restored = restored.map_err(|error| blamed(error, &survey));
    Attempt { surveyed: surveyed(&survey, spec), restored }
}

fn unread(error: Error) -> Attempt {
    Attempt { surveyed: Surveyed::default(), restored: Err(error) }
}

/// Surveys what goes to the tool. The survey stops at some damages; the tool gets all of it. A damage is told at once: there are some
/// over which the tool waits for ever (more collections open at a time than the header says).
fn feed(stream: Stream, input: ToolInput, damaged: oneshot::Sender<Survey>) -> io::Result<Survey> {
    let mut tee = Tee::new(stream, input);
    let survey = mongoarchive::survey(&mut tee)?;
    if !survey.damages.is_empty() {
        let _ = damaged.send(survey.clone());
    }
    tee.drain()?;
    Ok(survey)
}

/// The survey of a damaged archive; of a whole one it never comes.
async fn hopeless(damaged: &mut oneshot::Receiver<Survey>) -> Survey {
    match damaged.await {
        Ok(survey) => survey,
        Err(_) => std::future::pending().await,
    }
}

/// The call, without the archive's compression: the layers are open already.
fn call(instance: &Instance, spec: &MongodbSpec) -> Call {
    let mut call = Call::new("mongorestore").arg(format!("--uri={}", client::tools_url(instance.place()))).arg("--archive");
    if spec.drop {
        call = call.arg("--drop");
    }
    if let Some(parallel) = spec.parallel {
        call = call.arg(format!("--numParallelCollections={parallel}"));
    }
    if spec.oplog_replay {
        call = call.arg("--oplogReplay");
    }
    call = call.args(spec.ns_include.iter().map(|pattern| format!("--nsInclude={pattern}")));
    call = call.args(spec.ns_exclude.iter().map(|pattern| format!("--nsExclude={pattern}")));
    for renaming in &spec.renamings {
        call = call.arg(format!("--nsFrom={}", renaming.from)).arg(format!("--nsTo={}", renaming.to));
    }
    call
}

async fn judge(call: &Call, run: &ToolRun, survey: &Survey, instance: &Instance, spec: &MongodbSpec) -> Result<Restored> {
    let Judgement { log, mut outcomes, closing, stop } = classify::judge(&run.stderr, run.exit);
    let tool = Tool {
        name: call.program.to_owned(),
        version: instance.version_of(call.program).await.unwrap_or_else(|| "unknown".to_owned()),
        call: call.to_string(),
        exit: run.exit.to_string(),
    };
    if let Some(error) = stop {
        let called = format!("{} {}: {} ({})", tool.name, tool.version, tool.call, tool.exit);
        let log = if error.blame == Blame::Harness { instance.log_tail() } else { Vec::new() };
        return Err(error.evidence([called]).evidence(log));
    }
    let namespaces = Namespaces::of(spec);
    outcomes.extend(closing.map(|closing| compare(closing, survey, spec, &namespaces)));
    outcomes.extend(inventory::judge_keys(survey, &namespaces, instance).await?);
    let mut databases: Vec<String> = survey.namespaces.iter().filter(|n| !n.is_internal()).map(|n| n.db.clone()).collect();
    databases.dedup();
    Ok(Restored { databases, prefixed: true, outcomes, tools: vec![tool], log })
}

/// Sets the tool's own count beside the archive's. What it restores besides collections (users, roles, an oplog) it counts in its
/// own ways; then it must only not have counted too few.
fn compare(closing: Closing, survey: &Survey, spec: &MongodbSpec, namespaces: &Namespaces) -> Outcome {
    let wanted = survey.namespaces.iter().filter(|n| !n.is_internal() && namespaces.restored(&n.name()).is_some());
    let held: u64 = wanted.map(|n| n.documents).sum();
    let came = closing.restored;
    let exact = !spec.oplog_replay && !survey.namespaces.iter().any(|n| n.is_internal() && n.documents > 0);
    let right = if exact { came == held } else { came >= held };
    let (status, message) = if right {
        (Status::Pass, format!("all {} of the archive were restored", documents(held)))
    } else {
        (Status::Fail, format!("the archive holds {}, and {} were restored", documents(held), grouped(came)))
    };
    Outcome::new(COUNTED, status, message).values(grouped(came), grouped(held))
}

fn documents(count: u64) -> String {
    if count == 1 { "1 document".to_owned() } else { format!("{} documents", grouped(count)) }
}

/// A damaged archive makes the tool say all kinds of things; where its error does not blame the archive, the survey does. And where
/// the tool calls an archive damaged of which every byte is in order, the tool is too old for it: 100.10 does not know how servers
/// from 8.3 on name a time series.
fn blamed(error: Error, survey: &Survey) -> Error {
    let corrupt = error.message.starts_with(&Class::CorruptArchive.title());
    match survey.damages.first() {
        Some(damage) if error.blame != Blame::Backup => {
            let (message, evidence) = (error.message, error.evidence);
            Error::backup(damage.what.clone()).hint(hint(damage.cause)).evidence([message]).evidence(evidence)
        }
        None if corrupt => Error::harness(format!("mongorestore calls an archive damaged that is whole: {}", error.message))
            .hint("Install MongoDB Database Tools that are as new as the server that was dumped.")
            .evidence(error.evidence),
        _ => error,
    }
}

/// What the survey says, for the record.
fn surveyed(survey: &Survey, spec: &MongodbSpec) -> Surveyed {
    let not_tested = survey.blind.iter().map(|blind| match blind {
        mongoarchive::Blind::ChangedDefinition => {
            "single changed bytes in the archive's list of collections (options, indexes): it has no checksum".to_owned()
        }
        mongoarchive::Blind::Measurements => {
            "the number of measurements in a time series whose buckets do not tell it: its buckets were counted".to_owned()
        }
    });
    let census = survey.damages.is_empty().then(|| Namespaces::of(spec).applied(survey.census()));
    // An oplog changes what was dumped: the restored data is not what the archive lists.
    let census = census.filter(|_| !spec.oplog_replay);
    Surveyed { census, outcomes: vec![whole(survey)], not_tested: not_tested.collect() }
}

fn whole(survey: &Survey) -> Outcome {
    let held: u64 = survey.namespaces.iter().map(|n| n.documents).sum();
    let Some(first) = survey.damages.first() else {
        let collections = counted(survey.namespaces.len(), "collection");
        let message = format!("every collection is closed and every checksum is right: {collections}, {}", documents(held));
        return Outcome::new(ARCHIVE, Status::Pass, message);
    };
    let more = if survey.damages.len() > 1 { format!(" (and {} more)", survey.damages.len() - 1) } else { String::new() };
    let evidence = survey.damages.iter().take(MOST_EVIDENCE).map(|damage| format!("at byte {}: {}", damage.at, damage.what));
    Outcome::new(ARCHIVE, Status::Fail, format!("{}{more}", first.what)).hint(hint(first.cause)).evidence(evidence)
}

const fn hint(cause: Cause) -> &'static str {
    match cause {
        Cause::Cut => "Restore an older backup; mongodump or the upload did not get to its end: look at the job's log.",
        Cause::Changed => "Restore an older backup, and look at how this one was moved and where it lies.",
        Cause::Behind => "Look at the job that writes it: one file holds more than one archive, or something was appended.",
        Cause::Unknown => "Restore it with the version of the tools that wrote it.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mongoarchive::Damage;

    #[test]
    fn the_survey_has_the_last_word_on_damage() {
        let damage = Damage { at: 7, what: "it ends within a document".into(), cause: Cause::Cut, namespace: None };
        let damaged = Survey { damages: vec![damage], ..Survey::default() };
        let hung = blamed(Error::harness("mongorestore did not end"), &damaged);
        assert_eq!((hung.blame, hung.message.as_str()), (Blame::Backup, "it ends within a document"));
        let corrupt = || Error::backup("corrupt archive: archive io error");
        assert_eq!(blamed(corrupt(), &damaged), corrupt());
        assert_eq!(blamed(corrupt(), &Survey::default()).blame, Blame::Harness);
        let twice = Error::backup("duplicate key: twice");
        assert_eq!(blamed(twice.clone(), &Survey::default()), twice);
    }
}
