//! Real archives through the real tools: healthy ones come back whole, broken ones are blamed on the right one.

use crate::mongo_lab::MongoLab;
use assay::check::Status::{self, Fail, Pass};
use assay::error::Blame;
use assay::subject::mongodb::{MongodbSpec, Renaming};
use mongodb::bson::doc;

/// What a restore without a finding says.
const GOOD: [(&str, Status); 3] = [("restore", Pass), ("documents restored", Pass), ("indexes restored", Pass)];

#[tokio::test]
async fn archives_of_both_tools_come_back_whole() {
    let Some(lab) = MongoLab::new() else { return };
    let source = lab.source().await;
    source.fill("shop", "users", 300).await;
    source.fill("shop", "orders", 2000).await;
    source.fill("other db", "with.dots", 1).await;
    source.index("shop", "users", doc! { "email": 1 }, true).await;
    source.index("shop", "orders", doc! { "name": 1, "made": -1 }, false).await;
    for (tools, options) in [(&lab.means.tools, &[][..]), (&lab.means.old_tools, &[]), (&lab.means.tools, &["-j", "1"])] {
        let archive = source.dump_by(tools, options);
        let restore = lab.restore(&archive, &MongodbSpec::default()).await.expect("a restore");
        assert_eq!(restore.outcomes(), GOOD, "{:?}", restore.restored);
        let census = restore.census(&[("shop.users", "made"), ("shop.users", "name"), ("other db.with.dots", "_id")]).await;
        let counts: Vec<(&str, u64)> = census.groups.iter().map(|group| (group.name.as_str(), group.count)).collect();
        assert_eq!(counts, [("other db.with.dots", 1), ("shop.orders", 2000), ("shop.users", 300)]);
        let times: Vec<_> = census.group("shop.users").expect("users").newest.iter().map(|n| n.time.map(|t| t.to_string())).collect();
        assert_eq!(times, [Some("2026-01-01T00:04:59Z".to_owned()), None]);
        // The archive's own bytes tell the same without a server.
        let artifact = restore.surveyed.census.as_ref().expect("an archive's census");
        assert_eq!(assay::census::compare(artifact, &census), []);
        let indexes = |census: &assay::census::Census| census.inventory.iter().find(|i| i.kind == "indexes").map(|i| i.members.clone());
        assert_eq!(indexes(artifact), indexes(&census));
        assert_eq!(restore.surveyed.outcomes.iter().map(|o| o.status).collect::<Vec<_>>(), [Pass]);
        assert_eq!(restore.intake.taken().expect("read to its end").size, archive.len() as u64);
        let tool = &restore.restored.as_ref().expect("restored").tools[0];
        assert_eq!((tool.name.as_str(), tool.version.starts_with("100.")), ("mongorestore", true), "{tool:?}");
        restore.instance.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn an_empty_database_comes_back_empty() {
    let Some(lab) = MongoLab::new() else { return };
    let source = lab.source().await;
    let restore = lab.restore(&source.dump(&["--db=microservices"]), &MongodbSpec::default()).await.expect("a restore");
    assert_eq!(restore.outcomes(), GOOD);
    let census = restore.census(&[]).await;
    assert_eq!((census.groups.len(), census.total()), (0, 0));
    let allowed = assay::check::restored::judge(&census, true);
    assert!(allowed.status == Pass && allowed.message.starts_with("restore mechanics verified"), "{allowed:?}");
    assert_eq!(assay::check::restored::judge(&census, false).status, Fail);
}

#[tokio::test]
async fn namespaces_are_left_out_and_renamed() {
    let Some(lab) = MongoLab::new() else { return };
    let source = lab.source().await;
    for (db, collection) in [("educationelly", "schools"), ("educationelly-graphql", "schools"), ("educationelly", "logs")] {
        source.fill(db, collection, 5).await;
    }
    let spec = MongodbSpec {
        ns_include: vec!["educationelly.*".into()],
        ns_exclude: vec!["*.logs".into()],
        renamings: vec![Renaming { from: "educationelly.*".into(), to: "copy.*_of".into() }],
        ..MongodbSpec::default()
    };
    let restore = lab.restore(&source.dump(&[]), &spec).await.expect("a restore");
    assert_eq!(restore.outcomes(), GOOD);
    let census = restore.census(&[]).await;
    let names: Vec<&str> = census.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["copy.schools_of"]);
    assert_eq!(assay::census::compare(restore.surveyed.census.as_ref().expect("a census"), &census), []);
}

#[tokio::test]
async fn the_damage_of_cut_archives_is_the_backups() {
    let Some(lab) = MongoLab::new() else { return };
    let source = lab.source().await;
    source.fill("shop", "users", 300).await;
    let archive = source.dump(&[]);
    for kept in [archive.len() / 2, archive.len() - 1] {
        let restore = lab.restore(&archive[..kept], &MongodbSpec::default()).await.expect("a restore");
        let error = restore.restored.as_ref().expect_err("cut");
        assert_eq!(error.blame, Blame::Backup, "{error:?}");
        assert_eq!(restore.surveyed.outcomes.iter().map(|o| o.status).collect::<Vec<_>>(), [Fail]);
        assert!(restore.surveyed.census.is_none());
        // Also a damaged artifact is read to its end.
        assert_eq!(restore.intake.taken().expect("read to its end").size, kept as u64);
    }
}
