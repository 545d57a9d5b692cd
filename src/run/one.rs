//! The way of one scenario, on one page:
//!
//! ```text
//! Scenario -> Artifact -> Payload -> Instance -> Restored -> Census -> Outcomes -> Verdict
//!            select      open       start       restore     measure   check       (verdict.rs)
//! ```
//!
//! Each step takes the step before by type, so nothing can be checked that was not restored. A step that cannot go on
//! ends the way, never the run; teardown always runs, and its failure is a finding.

use super::record::{Recorder, Stopped};
use super::sides::{Right, Sides};
use super::{Phase, RunContext, reference};
use crate::census::{Census, Vantage};
use crate::check::schema::SchemaCheck;
use crate::check::{self, Outcome, Status, objectives};
use crate::error::Error;
use crate::open::arrive::{self, Arriving, Order, Taken, arrive};
use crate::open::unpack::unpack;
use crate::report::evidence::{ArtifactRecord, InstanceRecord, KeptRecord, PayloadRecord, ScenarioRecord};
use crate::run::event::Event;
use crate::run::progress::Progress;
use crate::runtime::local::{Instance, Room};
use crate::scenario::{Check, CheckKind, Scenario};
use crate::store::fetch::fetch;
use crate::store::select::{self, Artifact, Selection, Want};
use crate::store::{self, Store};
use crate::subject::{Attempt, Body, Facts, Intake, Payload, Restored, Subject, Wanted, subject};
use crate::units::Bytes;
use crate::verdict::Depth;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Proves one scenario. Never fails: whatever goes wrong is in the record.
pub async fn prove(scenario: &Scenario, cx: &RunContext) -> ScenarioRecord {
    let subject = subject(&scenario.subject);
    let progress = Progress::new(&scenario.name, cx.events.clone());
    let mut record = Recorder::begin(scenario, progress, cx.stop.clone());
    let way = Way { scenario, subject, cx };
    // What stopped the way is in the record.
    let _: Result<(), Stopped> = way.walk(&mut record).await;
    record.finish(&planned(scenario, &cx.want))
}

/// What was made on the way and must go again, in the order in which it goes.
#[derive(Default)]
struct Made {
    restored: Option<Restored>,
    instance: Option<Instance>,
    room: Option<Room>,
}

/// The payload, opened.
struct Opened {
    payload: Payload,
    facts: Facts,
    /// Tells when all of it was read.
    intake: arrive::Intake,
}

struct Way<'a> {
    scenario: &'a Scenario,
    subject: Arc<dyn Subject>,
    cx: &'a RunContext,
}

impl Way<'_> {
    async fn walk(&self, record: &mut Recorder) -> Result<(), Stopped> {
        let (store, artifact) = self.select(record).await?;
        let mut made = Made::default();
        let judged = self.restore_and_judge(store, &artifact, &mut made, record).await;
        self.teardown(made, record).await?;
        judged
    }

    async fn restore_and_judge(
        &self,
        store: Arc<dyn Store>,
        artifact: &Artifact,
        made: &mut Made,
        record: &mut Recorder,
    ) -> Result<(), Stopped> {
        let room = made.room.insert(self.make_room(record)?);
        let Opened { payload, facts, intake } = self.open(store, artifact, room, record).await?;
        if let Some(instance) = self.start(&facts, room, record).await? {
            made.instance = Some(instance);
        }
        let instance = made.instance.as_ref();
        let restored = self.restore(payload, &facts, instance, &intake, record).await?;
        let restored = made.restored.insert(restored);
        let census = self.measure(restored, instance, record).await?;
        self.check(artifact, restored, &census, instance, record).await
    }

    /// The scenario's folder in scratch.
    fn make_room(&self, record: &mut Recorder) -> Result<Room, Stopped> {
        self.cx.scratch.room(&self.scenario.name).map_err(|error| record.stop_at(Phase::Open, error))
    }

    /// Finds the artifact, and judges what the listing alone shows.
    async fn select(&self, record: &mut Recorder) -> Result<(Arc<dyn Store>, Artifact), Stopped> {
        let rule = &self.scenario.artifact;
        let (store, selection) = record
            .step(Phase::Select, None, async |_| {
                let store = store::connect(&rule.store_spec, &self.cx.secrets).await?;
                let selection = select::find(store.as_ref(), rule, &self.cx.want, self.cx.now).await?;
                Ok((store, selection))
            })
            .await?;
        record.outcome(selection.outcomes.iter().cloned());
        let Some(artifact) = selection.artifact.clone() else {
            // The outcome that says why is among those of the selection.
            return Err(record.stop(Phase::Select, Status::Fail));
        };
        if judges_rpo(&self.cx.want) {
            let age = Duration::try_from(self.cx.now.duration_since(artifact.taken)).unwrap_or_default();
            record.outcome(objectives::rpo(&self.scenario.objectives, age));
            record.record.rpo_seconds = Some(age.as_secs_f64());
        }
        record.record.artifact = Some(artifact_record(&store.location(), &artifact, selection));
        record.record.depth = Depth::Found;
        Ok((store, artifact))
    }

    /// Opens the layers, and reads what the payload says of itself; to the end, where the subject wants a file.
    async fn open(
        &self,
        store: Arc<dyn Store>,
        artifact: &Artifact,
        room: &Room,
        record: &mut Recorder,
    ) -> Result<Opened, Stopped> {
        let order = self.order(store, artifact);
        let size = Some(artifact.object.size);
        let (layers, outcomes, opened) = record
            .step(Phase::Open, size, async |progress| {
                let Arriving { head, size, layers, outcomes, stream, intake } = arrive(order, &progress).await?;
                let facts = self.subject.inspect(&head, size)?;
                if self.subject.intake(&facts) == Intake::Stream {
                    return Ok((
                        layers,
                        outcomes,
                        Opened { payload: Payload { head, body: Body::Stream(stream) }, facts, intake },
                    ));
                }
                let path = room.path().join("payload");
                let size = unpack(stream, path.clone(), self.cx.scratch_max).await?;
                self.cx.runtime.user().give(&path)?;
                // With all of it here, more can be said of it, and against it.
                let facts = self.subject.inspect_file(&path, &head, size)?;
                Ok((layers, outcomes, Opened { payload: Payload { head, body: Body::File { path, size } }, facts, intake }))
            })
            .await?;
        record.outcome(outcomes);
        let facts = &opened.facts;
        record.record.payload =
            Some(PayloadRecord { layers, size: None, format: facts.format.clone(), facts: facts.facts.clone() });
        record.record.not_tested = self.subject.not_tested(facts);
        read_to_its_end(&opened.intake, record);
        Ok(opened)
    }

    /// The artifact's bytes, and the scenario's layers around the payload.
    fn order(&self, store: Arc<dyn Store>, artifact: &Artifact) -> Order {
        let subject = self.subject.clone();
        Order {
            stored: fetch(store, artifact.object.clone()),
            layers: self.scenario.open.clone(),
            secrets: self.cx.secrets.clone(),
            recognises: Arc::new(move |head| subject.recognises(head)),
        }
    }

    /// Starts a disposable server that can take the payload, where one is needed.
    async fn start(&self, facts: &Facts, room: &Room, record: &mut Recorder) -> Result<Option<Instance>, Stopped> {
        let Some(recipe) = self.subject.recipe(facts) else { return Ok(None) };
        let instance =
            record.step(Phase::Start, None, async |_| self.cx.runtime.start(recipe.as_ref(), room.path()).await).await?;
        record.record.instance = Some(InstanceRecord {
            runtime: "local".to_owned(),
            engine: recipe.engine().to_owned(),
            version: instance.installation().version.clone(),
            isolation: instance.isolation(),
        });
        Ok(Some(instance))
    }

    /// Restores the payload while its own bytes are looked through. A restore with errors goes on to be measured: findings are
    /// data.
    async fn restore(
        &self,
        payload: Payload,
        facts: &Facts,
        instance: Option<&Instance>,
        intake: &arrive::Intake,
        record: &mut Recorder,
    ) -> Result<Restored, Stopped> {
        let size = match payload.body {
            Body::File { size, .. } => Some(size),
            Body::Stream(_) => record.record.artifact.as_ref().map(|artifact| artifact.size),
        };
        let attempt = async |_| {
            let Attempt { surveyed, restored } = self.subject.restore(payload, facts, instance).await;
            // What the bytes told is kept, however the restore ended.
            Ok((surveyed, restored))
        };
        let (surveyed, restored) = record.step(Phase::Restore, size, attempt).await?;
        read_to_its_end(intake, record);
        record.outcome(surveyed.outcomes);
        record.record.not_tested.extend(surveyed.not_tested);
        record.record.censuses.extend(surveyed.census);
        let restored = restored.map_err(|error| record.stop_at(Phase::Restore, error))?;
        let took = record.seconds(Phase::Start) + record.seconds(Phase::Restore);
        record.record.rto_seconds = Some(took);
        record.outcome(objectives::rto(&self.scenario.objectives, Duration::from_secs_f64(took)));
        record.outcome(restored.outcomes.iter().cloned());
        record.record.tools.extend(restored.tools.iter().cloned());
        record.record.tool_log.extend(restored.log.iter().cloned());
        if restored.outcomes.iter().all(|o| matches!(o.status, Status::Pass | Status::Warn)) {
            record.record.depth = Depth::Restored;
        }
        Ok(restored)
    }

    /// Counts what came back.
    async fn measure(&self, restored: &Restored, instance: Option<&Instance>, record: &mut Recorder) -> Result<Census, Stopped> {
        let wanted = Wanted { newest: self.scenario.checks.iter().filter_map(wanted_time).collect(), before: None };
        let census = record.step(Phase::Measure, None, async |_| self.subject.census(restored, instance, &wanted).await).await?;
        record.outcome([check::restored::judge(&census, self.scenario.allow_empty)]);
        let artifact = record.record.censuses.iter().find(|census| census.vantage == Vantage::Artifact);
        let matches = matches(self.scenario, artifact, &census);
        record.outcome(matches);
        record.record.censuses.push(census.clone());
        Ok(census)
    }

    /// Evaluates the checks one by one. What was evaluated before a signal or the time limit stays.
    async fn check(
        &self,
        artifact: &Artifact,
        restored: &Restored,
        census: &Census,
        instance: Option<&Instance>,
        record: &mut Recorder,
    ) -> Result<(), Stopped> {
        let outcomes = Mutex::new(Vec::new());
        let mut not_tested = Vec::new();
        let right = Right { subject: self.subject.as_ref(), restored, instance, census, taken: artifact.taken };
        let checked = record
            .step(Phase::Check, None, async |_| {
                let mut sides = Sides::take(self.scenario, self.cx, &right).await;
                unpoisoned(&outcomes).append(&mut sides.outcomes);
                for (name, check) in named_checks(self.scenario) {
                    let began = Instant::now();
                    let outcome = match &check.kind {
                        CheckKind::Count(count) => check::count::judge(count, census),
                        CheckKind::Fresh(fresh) => check::fresh::judge(fresh, census, artifact.taken),
                        CheckKind::Sql(sql) => check::sql::judge(sql, self.subject.query(restored, instance, sql).await),
                        CheckKind::Query(query) => check::query::judge(query, self.subject.find(restored, instance, query).await),
                        CheckKind::Validate => check::validate::judge(self.subject.validate(restored, instance).await),
                        CheckKind::Indexes(indexes) => check::indexes::judge(indexes, census),
                        CheckKind::Integrity(aspect) => {
                            let examined = self.subject.examine(restored, instance, aspect).await;
                            not_tested.extend(examined.iter().flat_map(|examined| examined.not_tested.iter().cloned()));
                            check::integrity::judge(aspect, &examined)
                        }
                        CheckKind::Schema(schema) => self.schema(schema, restored, instance).await,
                        CheckKind::Drift(drift) => sides.judge(drift, &right),
                        // Evaluated already, asked for or not.
                        CheckKind::Matches(_) => continue,
                    };
                    let seconds = Some(began.elapsed().as_secs_f64());
                    unpoisoned(&outcomes).push(Outcome { check: name, seconds, ..outcome });
                }
                Ok(sides.into_censuses())
            })
            .await;
        record.outcome(std::mem::take(&mut *unpoisoned(&outcomes)));
        record.record.not_tested.extend(not_tested);
        let compared = checked?;
        if record.record.depth == Depth::Restored {
            record.record.depth = if compared.is_empty() { Depth::Checked } else { Depth::Compared };
        }
        record.record.censuses.extend(compared);
        Ok(())
    }

    /// Compares the restored shape with its reference, or writes it there.
    async fn schema(&self, check: &SchemaCheck, restored: &Restored, instance: Option<&Instance>) -> Outcome {
        let whole = restored.outcomes.iter().all(|o| matches!(o.status, Status::Pass | Status::Warn));
        let shape = self.subject.shape(restored, instance).await;
        let (outcome, notes) = match shape {
            Ok(shape) if self.cx.write_reference => reference::write(check, &shape, whole),
            Ok(shape) => (reference::judge(check, &shape), Vec::new()),
            Err(error) => (Outcome::from_error(check::schema::NAME, error), Vec::new()),
        };
        for text in notes {
            let _ = self.cx.events.send(Event::Note { text: format!("{}: {text}", self.scenario.name) });
        }
        outcome
    }

    /// Removes what was made, or keeps it when that was asked for and nobody interrupted.
    async fn teardown(&self, made: Made, record: &mut Recorder) -> Result<(), Stopped> {
        let Made { restored, instance, room } = made;
        let keep = restored.filter(|_| self.cx.keep && !self.cx.stop.is_cancelled());
        record.record.kept = record
            .unstoppable(Phase::Teardown, async {
                match (instance, keep) {
                    (Some(instance), Some(restored)) => {
                        let connect = self.subject.connect_hint(&restored, &instance);
                        return Ok(Some(KeptRecord { connect, remove: instance.keep()?.remove }));
                    }
                    (Some(instance), None) => instance.stop().await?,
                    (None, _) => {}
                }
                if let Some(room) = room {
                    // A large folder takes its time, and signals must be heard meanwhile.
                    let removing = tokio::task::spawn_blocking(|| room.remove()).await;
                    removing.unwrap_or_else(|e| Err(Error::harness(format!("removing the scratch folder ended: {e}"))))?;
                }
                Ok(None)
            })
            .await?;
        Ok(())
    }
}

/// Once the artifact was read to its end: what it was, by its digest.
fn read_to_its_end(intake: &arrive::Intake, record: &mut Recorder) {
    let Some(Taken { sha256, stored, size }) = intake.taken() else { return };
    let Some(artifact) = record.record.artifact.as_mut().filter(|artifact| artifact.sha256.is_none()) else { return };
    artifact.sha256 = Some(sha256);
    if let Some(payload) = &mut record.record.payload {
        payload.size = Some(size);
    }
    record.outcome([Outcome::new("artifact read", Status::Pass, format!("{} read to the end", Bytes(stored)))]);
    record.record.depth = Depth::Opened;
}

/// A panic in another thread does not make the outcomes wrong.
fn unpoisoned<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether what came back is what the artifact holds. Where the artifact's bytes cannot tell, that is in "not tested"; a scenario that
/// asks for it all the same is not proven.
fn matches(scenario: &Scenario, artifact: Option<&Census>, restored: &Census) -> Vec<Outcome> {
    let asked = scenario.checks.iter().find_map(|check| match &check.kind {
        CheckKind::Matches(matches) => Some(matches),
        _ => None,
    });
    match (artifact, asked) {
        (Some(artifact), asked) => {
            let check = asked.cloned().unwrap_or_default();
            vec![check::matches::rows(&check, artifact, restored), check::matches::objects(artifact, restored)]
        }
        (None, Some(_)) => vec![check::matches::not_compared()],
        (None, None) => Vec::new(),
    }
}

/// An older artifact that was asked for says nothing of what a disaster now would lose.
fn judges_rpo(want: &Want) -> bool {
    *want == Want::Newest
}

fn wanted_time(check: &Check) -> Option<(String, String)> {
    match &check.kind {
        CheckKind::Fresh(fresh) => Some((fresh.group.clone(), fresh.field.clone())),
        CheckKind::Count(_)
        | CheckKind::Sql(_)
        | CheckKind::Query(_)
        | CheckKind::Validate
        | CheckKind::Indexes(_)
        | CheckKind::Integrity(_)
        | CheckKind::Schema(_)
        | CheckKind::Matches(_)
        | CheckKind::Drift(_) => None,
    }
}

/// The checks of a scenario under names that are unique in it: JUnit counts only the first case of a name.
fn named_checks(scenario: &Scenario) -> Vec<(String, &Check)> {
    let mut seen = HashMap::new();
    let name = |check: &Check| match &check.kind {
        CheckKind::Count(count) => check::count::name(count),
        CheckKind::Fresh(fresh) => check::fresh::name(fresh),
        CheckKind::Sql(sql) => check::sql::name(sql),
        CheckKind::Query(query) => check::query::name(query),
        CheckKind::Validate => check::validate::NAME.to_owned(),
        CheckKind::Indexes(indexes) => check::indexes::name(indexes),
        CheckKind::Integrity(aspect) => check::integrity::name(aspect),
        CheckKind::Schema(_) => check::schema::NAME.to_owned(),
        CheckKind::Matches(_) => check::matches::ROWS.to_owned(),
        CheckKind::Drift(drift) => check::drift::name(drift),
    };
    let unique = |check| {
        let name = name(check);
        let times = seen.entry(name.clone()).and_modify(|n| *n += 1).or_insert(1);
        (if *times == 1 { name } else { format!("{name} ({times})") }, check)
    };
    scenario.checks.iter().map(unique).collect()
}

/// The names of every check that will be evaluated if the way is gone to its end.
fn planned(scenario: &Scenario, want: &Want) -> Vec<String> {
    let rto = scenario.objectives.rto.map(|_| objectives::RTO.to_owned());
    let rpo = scenario.objectives.rpo.filter(|_| judges_rpo(want)).map(|_| objectives::RPO.to_owned());
    let unasked = [check::restored::NAME.to_owned()];
    let asked = named_checks(scenario).into_iter().map(|(name, _)| name);
    rpo.into_iter().chain(rto).chain(unasked).chain(asked).collect()
}

fn artifact_record(store: &str, artifact: &Artifact, selection: Selection) -> ArtifactRecord {
    ArtifactRecord {
        store: store.to_owned(),
        key: artifact.object.key.clone(),
        size: artifact.object.size,
        taken: artifact.taken,
        taken_from: if artifact.taken_from_key { "key" } else { "last_modified" }.to_owned(),
        etag: artifact.object.etag.clone(),
        sha256: None,
        candidates: selection.candidates,
        whole_series: selection.whole_series,
        rejected: selection.rejected,
    }
}
