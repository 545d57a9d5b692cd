//! Writing the reports of a run: `<reports>/<run-id>/evidence.json` and `junit.xml`, rewritten after each scenario, and
//! `<reports>/latest` that points to the newest run.

use super::evidence::Evidence;
use super::junit;
use crate::error::{Error, Result};
use jiff::Timestamp;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of one run's reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportDir {
    reports: PathBuf,
    run_id: String,
}

/// A run's id: unique, and sorted by name is sorted by time. `random` tells runs of one second apart.
#[must_use]
pub fn run_id(now: Timestamp, random: u16) -> String {
    format!("{}-{random:04x}", now.strftime("%Y%m%d-%H%M%S"))
}

impl ReportDir {
    /// Makes `<reports>/<run_id>/` and tries to write there, so that a run does not find out at its end that its reports
    /// are lost.
    ///
    /// # Errors
    /// Harness: the folder cannot be made or written, or a run of this id was there before.
    pub fn create(reports: &Path, run_id: &str) -> Result<Self> {
        let dir = Self { reports: reports.to_owned(), run_id: run_id.to_owned() };
        fs::create_dir_all(reports).map_err(|e| unwritable(reports, &e))?;
        fs::create_dir(dir.path()).map_err(|e| unwritable(&dir.path(), &e))?;
        let probe = dir.path().join(".probe");
        fs::write(&probe, "x").and_then(|()| fs::remove_file(&probe)).map_err(|e| unwritable(&dir.path(), &e))?;
        Ok(dir)
    }

    /// The run's own folder.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.reports.join(&self.run_id)
    }

    /// Writes every report of the evidence, which must be redacted already, and points `latest` to this run. Readers see
    /// the old or the new file, never a half one. A report that cannot be written does not keep the others from being written.
    ///
    /// # Errors
    /// Harness: names the first that could not be written.
    pub fn write(&self, evidence: &Evidence) -> Result<()> {
        let json = serde_json::to_string_pretty(evidence).map(|json| json + "\n");
        let json = json.map_err(|e| Error::harness(format!("evidence.json cannot be rendered: {e}")));
        let evidence_written = json.and_then(|json| self.replace("evidence.json", &json));
        let junit_written = junit::render(evidence).and_then(|xml| self.replace("junit.xml", &xml));
        let pointed = self.point_latest();
        evidence_written.and(junit_written).and(pointed)
    }

    /// Writes beside the file and renames, within one folder and so on one file system.
    fn replace(&self, name: &str, content: &str) -> Result<()> {
        let (temporary, target) = (self.path().join(format!(".{name}.new")), self.path().join(name));
        let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, &target));
        written.map_err(|e| unwritable(&target, &e))
    }

    /// Points `latest` to this run: a relative link, so that the reports can be moved or mounted elsewhere. Where links
    /// cannot be made (some network and FAT file systems) `latest.txt` holds the run's id instead.
    fn point_latest(&self) -> Result<()> {
        let link = self.reports.join("latest");
        if fs::read_link(&link).is_ok_and(|target| target == Path::new(&self.run_id)) {
            return Ok(());
        }
        let temporary = self.reports.join(format!(".latest-{}", self.run_id));
        let linked = make_link(&self.run_id, &temporary).and_then(|()| fs::rename(&temporary, &link));
        linked.or_else(|_| {
            let _ = fs::remove_file(&temporary);
            let text = self.reports.join("latest.txt");
            let written = fs::write(&temporary, format!("{}\n", self.run_id)).and_then(|()| fs::rename(&temporary, &text));
            written.map_err(|e| unwritable(&text, &e))
        })
    }
}

#[cfg(unix)]
fn make_link(target: &str, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn make_link(_target: &str, _link: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::harness(format!("cannot write the report {}: {error}", path.display()))
        .hint("Make the folder writable, or choose another one with `reports.dir` in assay.yaml or `--out`.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("read_dir").map(|e| e.expect("entry").file_name());
        let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn ids_sort_by_time() {
        let time: Timestamp = "2026-11-21T06:30:00.9Z".parse().expect("time");
        assert_eq!(run_id(time, 0x3f), "20261121-063000-003f");
    }

    #[test]
    fn both_reports_are_there_after_each_write_and_nothing_else() {
        let root = tempfile::tempdir().expect("tempdir");
        let reports = root.path().join("reports/out");
        let dir = ReportDir::create(&reports, "1").expect("create");
        assert_eq!(names(&dir.path()), [""; 0]);
        let mut evidence = sample::evidence();
        dir.write(&evidence).expect("first");
        evidence.scenarios.truncate(1);
        dir.write(&evidence).expect("second");
        assert_eq!(names(&dir.path()), ["evidence.json", "junit.xml"]);
        let json = fs::read_to_string(reports.join("latest/evidence.json")).expect("read");
        assert_eq!(serde_json::from_str::<Evidence>(&json).expect("json"), evidence);
    }

    #[test]
    fn latest_follows_the_newest_run() {
        let root = tempfile::tempdir().expect("tempdir");
        for id in ["1", "2"] {
            ReportDir::create(root.path(), id).expect("create").write(&sample::evidence()).expect("write");
            assert_eq!(fs::read_link(root.path().join("latest")).expect("link"), Path::new(id));
        }
        assert_eq!(names(root.path()), ["1", "2", "latest"]);
    }

    #[test]
    fn where_no_link_can_be_made_a_text_names_the_newest_run() {
        let root = tempfile::tempdir().expect("tempdir");
        fs::create_dir_all(root.path().join("latest/in the way")).expect("mkdir");
        ReportDir::create(root.path(), "1").expect("create").write(&sample::evidence()).expect("write");
        assert_eq!(fs::read_to_string(root.path().join("latest.txt")).expect("read"), "1\n");
        assert_eq!(names(root.path()), ["1", "latest", "latest.txt"]);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_found_before_the_run() {
        let root = tempfile::tempdir().expect("tempdir");
        let file = root.path().join("file");
        fs::write(&file, "").expect("write");
        let error = ReportDir::create(&file.join("out"), "1").expect_err("a file is no folder");
        assert!(error.message.starts_with("cannot write the report ") && error.hint.is_some(), "{error:?}");
        ReportDir::create(root.path(), "1").expect("first");
        ReportDir::create(root.path(), "1").expect_err("an id is used once");
    }

    #[test]
    fn one_report_that_cannot_be_written_does_not_silence_the_other() {
        let root = tempfile::tempdir().expect("tempdir");
        let dir = ReportDir::create(root.path(), "1").expect("create");
        fs::create_dir_all(dir.path().join("evidence.json/in the way")).expect("mkdir");
        let error = dir.write(&sample::evidence()).expect_err("a folder is in the way");
        assert!(error.message.contains("evidence.json"), "{error:?}");
        assert!(dir.path().join("junit.xml").is_file());
    }
}
