//! Exports of a DNS zone as Cloudflare's API gives them: a small tar archive with the records (`all_records.json`), the settings
//! (`zone_settings.json`) and the zone file (`zone-export.txt`).
//!
//! The zone file is loaded into a name server in this process, and every record of the API's list is asked for over DNS. The
//! artifact's census is what the list holds, the restored one what the server answers.

mod api;
mod ask;
mod bind;
mod census;
mod export;
mod judge;
mod lexer;
mod lint;
pub mod live;
mod loc;
mod rdata;
mod record;
mod serve;

use crate::census::{Census, Vantage};
use crate::check::Outcome;
use crate::error::{Error, Result};
use crate::runtime::Recipe;
use crate::runtime::local::Instance;
use crate::scenario::SqlCheck;
use crate::subject::{Attempt, Body, Facts, Intake, Payload, Restored, Subject, Surveyed, Wanted};
use async_trait::async_trait;
use export::Export;
use serve::Served;
use std::sync::OnceLock;

/// The `dns_zone:` block of a scenario.
#[derive(Debug, Clone, Default)]
pub struct DnsZoneSpec {
    /// The zone that it must be; any when absent.
    pub zone: Option<String>,
}

/// The subject.
#[derive(Debug)]
pub struct DnsZone {
    spec: DnsZoneSpec,
    /// What the name server answered.
    answered: OnceLock<Census>,
}

impl DnsZone {
    /// For one scenario.
    #[must_use]
    pub fn new(spec: DnsZoneSpec) -> Self {
        Self { spec, answered: OnceLock::new() }
    }

    /// Serves an export, and remembers what was answered.
    async fn serve(&self, export: &Export) -> Result<Restored> {
        let listed = &export.listing.records;
        let served = serve::serve(&export.zone, &export.file, listed).await?;
        let outcome = judge::served(&served, listed.len());
        // A second restore of the same subject does not happen.
        let _ = self.answered.set(answered(export, &served));
        Ok(Restored {
            databases: vec![export.zone.clone()],
            prefixed: false,
            outcomes: vec![outcome],
            tools: Vec::new(),
            log: Vec::new(),
        })
    }
}

/// The records that the server answered, without those that are Cloudflare's own and in no list of its API. Those that no server here
/// can be asked for count as they are listed: `zone served` names them, and a comparison would call them lost.
fn answered(export: &Export, served: &Served) -> Census {
    let listed = &export.listing.records;
    let all = export.file.records.iter().filter(|record| !judge::is_own(record, &export.zone)).chain(listed);
    census::census(
        Vantage::Restored,
        all.filter(|record| served.answered.contains(&record.identity()) || served.unasked.contains(&record.label())),
    )
}

#[async_trait]
impl Subject for DnsZone {
    fn kind(&self) -> &'static str {
        "dns_zone"
    }

    fn recognises(&self, head: &[u8]) -> bool {
        crate::open::magic::is_tar(head)
    }

    fn inspect(&self, head: &[u8], _size: Option<u64>) -> Result<Facts> {
        if self.recognises(head) {
            return Ok(Facts { format: "tar".to_owned(), facts: Vec::new() });
        }
        let is = crate::open::magic::looks_like(head);
        Err(Error::backup(format!("it is no export of a DNS zone: it looks like {is}"))
            .hint("It must be a tar archive, as by `tar -cz`."))
    }

    fn intake(&self, _facts: &Facts) -> Intake {
        Intake::Stream
    }

    fn recipe(&self, _facts: &Facts) -> Option<Box<dyn Recipe>> {
        None
    }

    async fn restore(&self, payload: Payload, _facts: &Facts, _instance: Option<&Instance>) -> Attempt {
        let Body::Stream(stream) = payload.body else {
            return Attempt { surveyed: Surveyed::default(), restored: Err(Error::harness("an export is read as it comes")) };
        };
        let zone = self.spec.zone.clone();
        let reading = tokio::task::spawn_blocking(move || export::read(stream, zone.as_deref())).await;
        let export = match reading.unwrap_or_else(|_| Err(Error::harness("reading the export ended"))) {
            Ok(export) => export,
            Err(error) => return Attempt { surveyed: Surveyed::default(), restored: Err(error) },
        };
        let outcomes: Vec<Outcome> = judge::export(&export);
        let census = Some(census::census(Vantage::Artifact, &export.listing.records));
        let not_tested = export.file.unread.iter().map(|line| format!("zone-export.txt, {line}")).collect();
        Attempt { surveyed: Surveyed { census, outcomes, not_tested }, restored: self.serve(&export).await }
    }

    async fn census(&self, _restored: &Restored, _instance: Option<&Instance>, _wanted: &Wanted) -> Result<Census> {
        self.answered.get().cloned().ok_or_else(|| Error::harness("the zone was not served"))
    }

    async fn query(&self, _: &Restored, _: Option<&Instance>, _: &SqlCheck) -> Result<Option<String>> {
        Err(Error::scenario("a DNS zone cannot be asked in SQL").hint("Use `count`, such as `count: { of: MX, min: 1 }`."))
    }

    fn not_tested(&self, _facts: &Facts) -> Vec<String> {
        vec![
            "an import at Cloudflare: nothing is ever written there".to_owned(),
            "page rules, load balancers and routes of Workers: they are not part of an export".to_owned(),
            "whether the registrar's delegation and DNSSEC keys would follow".to_owned(),
        ]
    }

    fn connect_hint(&self, _restored: &Restored, _instance: &Instance) -> String {
        "nothing is kept of a DNS zone".to_owned()
    }
}
