//! What the restored census is compared with: the artifact's own census, the live system's, and that of the last good run. Each is
//! taken once, and only when a check asks for it; one that cannot be had makes its own checks an error and no others.

use super::RunContext;
use crate::census::{Census, Vantage};
use crate::check::{Outcome, Status, drift};
use crate::error::{Error, Result};
use crate::runtime::local::Instance;
use crate::scenario::{Against, CheckKind, DriftCheck, Scenario};
use crate::subject::{self, Before, Restored, Subject, Wanted};
use crate::units::utc;
use jiff::Timestamp;

/// The left-hand sides of a scenario's drifts.
#[derive(Debug, Default)]
pub struct Sides {
    live: Option<Result<Live>>,
    last_good: Option<Result<Option<LastGood>>>,
    /// What could not be read of the history.
    pub outcomes: Vec<Outcome>,
}

#[derive(Debug)]
struct Live {
    census: Census,
    /// What came back, limited as the live census is.
    restored: Census,
}

#[derive(Debug)]
struct LastGood {
    census: Census,
    is: String,
}

/// Where the right-hand side comes from.
pub struct Right<'a> {
    /// The subject.
    pub subject: &'a dyn Subject,
    /// What was restored.
    pub restored: &'a Restored,
    /// Into what.
    pub instance: Option<&'a Instance>,
    /// What was counted then.
    pub census: &'a Census,
    /// When the artifact was taken.
    pub taken: Timestamp,
}

impl Sides {
    /// Takes every left-hand side that the scenario's checks need.
    pub async fn take(scenario: &Scenario, cx: &RunContext, right: &Right<'_>) -> Self {
        let needs = |against| {
            let drifts = scenario.checks.iter().filter_map(|check| match &check.kind {
                CheckKind::Drift(drift) => Some(drift.against),
                _ => None,
            });
            drifts.into_iter().any(|drift| drift == against)
        };
        let mut sides = Self::default();
        if needs(Against::LastGood) {
            sides.last_good = Some(sides.last_good(scenario, cx, right.taken));
        }
        if needs(Against::Live) {
            sides.live = Some(live(scenario, cx, right).await);
        }
        sides
    }

    fn last_good(&mut self, scenario: &Scenario, cx: &RunContext, taken: Timestamp) -> Result<Option<LastGood>> {
        let found = cx.history.last_good(&scenario.name, taken)?;
        if !found.passed_over.is_empty() {
            let message = format!("{} files of the history could not be read and were passed over", found.passed_over.len());
            let hint = "Remove them, or bring back what wrote them: a newer assay, or a copy from before they were damaged.";
            self.outcomes.push(Outcome::new("history", Status::Warn, message).hint(hint).evidence(found.passed_over));
        }
        Ok(found.found.and_then(|past| {
            let census = past.restored()?.clone();
            let key = past.record.artifact.as_ref().map_or("", |artifact| artifact.key.as_str());
            let is = format!("the last good run ({}, {key})", utc(past.started));
            Some(LastGood { census: Census { vantage: Vantage::LastGood, ..census }, is })
        }))
    }

    /// Evaluates one drift.
    #[must_use]
    pub fn judge(&self, check: &DriftCheck, right: &Right<'_>) -> Outcome {
        match check.against {
            Against::LastGood => match &self.last_good {
                Some(Ok(Some(left))) => drift::judge(check, &left.census, right.census, &left.is),
                Some(Err(error)) => Outcome::from_error(drift::name(check), error.clone()),
                Some(Ok(None)) | None => drift::nothing_yet(check),
            },
            Against::Live => match &self.live {
                Some(Ok(live)) => drift::judge(check, &live.census, &live.restored, "the live system"),
                Some(Err(error)) => Outcome::from_error(drift::name(check), error.clone()),
                None => Outcome::from_error(drift::name(check), Error::scenario("the scenario has no `live`")),
            },
        }
    }

    /// Every census that something was compared with. Nothing when nothing was.
    #[must_use]
    pub fn into_censuses(self) -> Vec<Census> {
        let live = self.live.and_then(Result::ok).map(|live| live.census);
        let last_good = self.last_good.and_then(Result::ok).flatten().map(|last_good| last_good.census);
        live.into_iter().chain(last_good).collect()
    }
}

/// The live census, and what came back under the same limits.
async fn live(scenario: &Scenario, cx: &RunContext, right: &Right<'_>) -> Result<Live> {
    let Some(spec) = &scenario.live else { return Err(Error::scenario("the scenario has no `live`")) };
    let census = right.subject.live(spec, &cx.secrets, right.taken).await?;
    let before = subject::live_limits(spec, right.taken);
    Ok(Live { census, restored: limited(right, before).await? })
}

/// The restored census with the limited counts in place of the whole ones.
async fn limited(right: &Right<'_>, before: Before) -> Result<Census> {
    let mut census = right.census.clone();
    if before.fields.is_empty() {
        return Ok(census);
    }
    let fields = before.fields.clone();
    let wanted = Wanted { before: Some(before), ..Wanted::default() };
    let some = right.subject.census(right.restored, right.instance, &wanted).await?;
    for group in &mut census.groups {
        let Some((_, field)) = fields.iter().find(|(name, _)| *name == group.name) else { continue };
        match some.group(&group.name) {
            Some(limited) => group.count = limited.count,
            None => return Err(Error::scenario(format!("{} came back without a time in {field}", group.name))),
        }
    }
    Ok(census)
}
