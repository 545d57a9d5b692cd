//! What a dump holds by its own bytes, beside what the real tools restore of it.

use crate::lab::{Lab, connect, subject};
use crate::require;
use assay::census::{Census, Group, Inventory, Vantage};
use assay::check::{Status, matches};
use assay::pgdump;
use assay::scenario::MatchesCheck;
use assay::subject::{Subject, Wanted};

const CONTENT: &str = include_str!("../fixtures/content.sql");

/// The artifact's own census, as the native reader tells it.
fn artifact(dump: &[u8]) -> Census {
    let mut survey = pgdump::survey(dump).expect("read");
    assert_eq!(survey.damages, []);
    let database = survey.databases.remove(0);
    let groups = database.tables.into_iter().map(|(name, count)| Group { name, count, newest: Vec::new() }).collect();
    let kind = |(kind, members): (&str, std::collections::BTreeSet<String>)| Inventory {
        kind: kind.to_owned(),
        count: members.len() as u64,
        members: members.into_iter().collect(),
        named_by: 0,
    };
    let inventory = database.objects.into_iter().map(kind).collect();
    let (groups_are, counted_in) = ("tables".into(), "rows".into());
    Census { vantage: Vantage::Artifact, groups_are, counted_in, groups, inventory, partitions: database.partitions }
}

#[tokio::test]
async fn every_row_of_a_dump_comes_back_and_one_that_does_not_is_found() {
    if require::postgres().is_none() {
        return;
    }
    let lab = Lab::new();
    let server = lab.start().await;
    server.fill("shop", CONTENT).await;
    let mut told = Vec::new();
    for options in [
        &["-Fc"][..],
        &["-Fp"],
        &["-Fp", "--inserts"],
        &["-Fc", "--load-via-partition-root"],
        &["-Fp", "--load-via-partition-root"],
        &["-Fc", "--schema-only"],
        &["-Fc", "--exclude-table-data=messages"],
    ] {
        let dump = server.dump("shop", options).await;
        let artifact = artifact(&dump);
        let proof = lab.restore(&dump).await.unwrap_or_else(|error| panic!("{options:?}: {error}"));
        let census =
            async || subject().census(&proof.restored, Some(&proof.instance), &Wanted::default()).await.expect("a census");
        let rows = matches::rows(&MatchesCheck::default(), &artifact, &census().await);
        told.extend((rows.status != Status::Pass).then(|| format!("{options:?}: {} {:?}", rows.message, rows.evidence)));
        let objects = matches::objects(&artifact, &census().await);
        told.extend((objects.status != Status::Pass).then(|| format!("{options:?}: {} {:?}", objects.message, objects.evidence)));
        if options.contains(&"--schema-only") {
            continue;
        }
        let client = connect(&proof.instance, &proof.restored.databases[0]).await;
        client.batch_execute("DELETE FROM events_2025 WHERE ctid = (SELECT min(ctid) FROM events_2025)").await.expect("one row");
        let lost = matches::rows(&MatchesCheck::default(), &artifact, &census().await);
        assert_eq!(lost.status, Status::Fail, "{options:?}: {}", lost.message);
        assert!(lost.message.contains("1 fewer than"), "{options:?}: {}", lost.message);
    }
    assert!(told.is_empty(), "{told:#?}");
}
