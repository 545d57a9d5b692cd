//! The reference file of a `schema` check: read to compare, or written from what was restored.

use crate::check::schema::{NAME, SchemaCheck, Shape, compare, judge as compared, shown};
use crate::check::{Outcome, Status};
use crate::error::Error;
use crate::report::text::counted;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Larger files are no references.
const LARGEST: u64 = 64 << 20;

/// Compares a restored shape with its reference.
#[must_use]
pub fn judge(check: &SchemaCheck, restored: &Shape) -> Outcome {
    match read(check) {
        Ok(Some(reference)) => compared(check, &reference, restored),
        Ok(None) => {
            let error = Error::scenario(format!("there is no reference {}", check.named));
            let hint = "Write it with `assay run NAME --write-reference`, review it, and keep it beside the scenario.";
            Outcome::from_error(NAME, error.hint(hint))
        }
        Err(error) => Outcome::from_error(NAME, error),
    }
}

/// Writes a restored shape as the reference, whole or not at all. `whole` says whether the restore had no errors. The
/// second value is what a person must hear of: where it was written, and what that changed.
#[must_use]
pub fn write(check: &SchemaCheck, restored: &Shape, whole: bool) -> (Outcome, Vec<String>) {
    if !whole {
        let error = Error::scenario(format!("{} was not written, because the restore had errors", check.named));
        return (Outcome::from_error(NAME, error.hint("Write it from a backup that restores without errors.")), Vec::new());
    }
    let before = read(check);
    if let Ok(Some(reference)) = &before
        && reference == restored
    {
        return (Outcome::new(NAME, Status::Pass, format!("{} is as it should be already", check.named)), Vec::new());
    }
    if let Err(error) = replace(&check.reference, &restored.to_file()) {
        let error = Error::scenario(format!("cannot write {}: {error}", check.named));
        return (Outcome::from_error(NAME, error.hint("Make its folder, and let assay write there.")), Vec::new());
    }
    let things = counted(restored.0.len(), "thing");
    let (message, changes) = match before {
        Ok(None) => (format!("reference written: {things} in {}", check.named), Vec::new()),
        Ok(Some(reference)) => {
            let differences = compare(&reference, restored);
            let count = counted(differences.len(), "difference");
            (format!("reference written: {things} in {}, {count} to the one before", check.named), shown(&differences))
        }
        Err(error) => (format!("reference written: {things} in {}; the one before was none: {error}", check.named), Vec::new()),
    };
    let notes = std::iter::once(message.clone()).chain(changes.clone()).collect();
    (Outcome::new(NAME, Status::Pass, message).evidence(changes), notes)
}

/// The reference; none when there is no such file.
fn read(check: &SchemaCheck) -> Result<Option<Shape>, Error> {
    let wrong = |what: String| Error::scenario(format!("cannot read the reference {}: {what}", check.named));
    match std::fs::metadata(&check.reference) {
        Ok(file) if file.len() > LARGEST => return Err(wrong("it is too large for one".to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    }
    let text = std::fs::read_to_string(&check.reference).map_err(|error| wrong(error.to_string()))?;
    Shape::parse(&text).map(Some).map_err(|(line, reason)| {
        wrong(format!("line {line}: {reason}")).hint("Write it anew with `assay run NAME --write-reference`.")
    })
}

/// Puts a file in place as a whole.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(beside);
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&beside, path)).inspect_err(|_| {
        let _ = std::fs::remove_file(&beside);
    })
}
