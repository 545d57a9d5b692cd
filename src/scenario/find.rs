//! Where the files are: `assay.yaml` upwards, scenarios downwards.

use super::diagnostic::Diagnostic;
use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The configuration file's name.
pub const CONFIG: &str = "assay.yaml";
/// The folder beside it that scenarios are in.
const DEFAULT_FOLDER: &str = "scenarios";

/// The path as the user sees it: below the working folder without that folder's name.
#[must_use]
pub fn shown(path: &Path, cwd: &Path) -> PathBuf {
    match path.strip_prefix(cwd) {
        Ok(rest) if rest.as_os_str().is_empty() => PathBuf::from("."),
        Ok(rest) => rest.to_path_buf(),
        Err(_) => path.to_path_buf(),
    }
}

/// `assay.yaml` in the working folder or above it; else above the first path that was named. Absolute when `cwd` is.
#[must_use]
pub fn config(paths: &[PathBuf], cwd: &Path) -> Option<PathBuf> {
    upwards(cwd).or_else(|| {
        let first = cwd.join(paths.first()?);
        // The parts of `a/../b` are no honest ancestors.
        let winding = first.components().any(|part| part == Component::ParentDir);
        let first = if winding { first.canonicalize().unwrap_or(first) } else { first };
        upwards(&first)
    })
}

fn upwards(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(CONFIG)).find(|file| file.is_file())
}

/// The scenario files that were asked for: those that were named, and all below the folders that were named, or below the
/// default folder. Each file once, whatever links lead to it. `base` is the folder that the default folder is in.
pub fn scenarios(paths: &[PathBuf], base: &Path, cwd: &Path, problems: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let default = base.join(DEFAULT_FOLDER);
    let roots: Vec<PathBuf> = match paths {
        // No such folder is no error here: nothing ran, and the exit code says so.
        [] if !default.exists() => Vec::new(),
        [] => vec![default],
        paths => paths.iter().map(|path| cwd.join(path)).collect(),
    };
    let mut walk = Walk { cwd, seen: HashSet::new(), files: Vec::new(), problems };
    for root in roots {
        walk.root(&root);
    }
    walk.files
}

struct Walk<'a> {
    cwd: &'a Path,
    /// Folders and files that were met, by their real paths.
    seen: HashSet<PathBuf>,
    files: Vec<PathBuf>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn root(&mut self, root: &Path) {
        match root.metadata() {
            Ok(metadata) if metadata.is_dir() => self.folder(root),
            Ok(_) => self.file(root),
            Err(error) => {
                let hint = "Name a scenario file, or a folder with scenario files.";
                self.problem(root, &error, Some(hint));
            }
        }
    }

    fn problem(&mut self, path: &Path, error: &io::Error, hint: Option<&str>) {
        let diagnostic = Diagnostic::file(shown(path, self.cwd), format!("this cannot be read: {}", reason(error)));
        self.problems.push(Diagnostic { hint: hint.map(str::to_owned), ..diagnostic });
    }

    /// Whether a path leads to something new.
    fn is_new(&mut self, path: &Path) -> bool {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        self.seen.insert(real)
    }

    fn file(&mut self, path: &Path) {
        if self.is_new(path) {
            self.files.push(path.to_path_buf());
        }
    }

    fn folder(&mut self, folder: &Path) {
        if !self.is_new(folder) {
            return;
        }
        let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries: Vec<PathBuf> = match entries {
            Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
            Err(error) => return self.problem(folder, &error, None),
        };
        entries.sort();
        for path in entries.into_iter().filter(|path| !is_hidden(path)) {
            if path.is_dir() {
                self.folder(&path);
            } else if is_yaml(&path) && path.file_name().is_none_or(|name| name != CONFIG) {
                self.file(&path);
            }
        }
    }
}

/// Kubernetes mounts a `ConfigMap` as links into a folder whose name begins with two dots: the links alone count.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The system's reason in words that do not differ between systems, where there are any.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, write};

    fn names(root: &Path, paths: &[&str]) -> (Vec<String>, usize) {
        let mut problems = Vec::new();
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let files = scenarios(&paths, root, root, &mut problems);
        (files.iter().map(|file| shown(file, root).display().to_string()).collect(), problems.len())
    }

    #[test]
    fn folders_are_walked_in_order_and_each_file_counts_once() {
        let dir = tempfile::tempdir().expect("tempdir");
        let root = dir.path();
        create_dir_all(root.join("scenarios/b/..data")).expect("mkdir");
        for file in ["z.yaml", "a.yml", "b/c.yaml", "b/..data/d.yaml", "b/note.txt", "assay.yaml", ".hidden.yaml"] {
            write(root.join("scenarios").join(file), "").expect("write");
        }
        std::os::unix::fs::symlink(root.join("scenarios"), root.join("scenarios/b/loop")).expect("link");
        std::os::unix::fs::symlink(root.join("scenarios/z.yaml"), root.join("scenarios/b/zz.yaml")).expect("link");
        let all = ["scenarios/a.yml", "scenarios/b/c.yaml", "scenarios/b/zz.yaml"].map(str::to_owned).to_vec();
        assert_eq!(names(root, &[]), (all.clone(), 0));
        assert_eq!(names(root, &["scenarios"]), (all, 0));
        let named = ["scenarios/z.yaml", "scenarios/a.yml", "scenarios/b/c.yaml"].map(str::to_owned).to_vec();
        assert_eq!(names(root, &["scenarios/z.yaml", "scenarios", "scenarios/a.yml"]), (named, 0));
        assert_eq!(names(root, &["nowhere.yaml"]), (vec![], 1));
    }

    #[test]
    fn the_default_folder_may_be_missing() {
        let dir = tempfile::tempdir().expect("tempdir");
        assert_eq!(names(dir.path(), &[]), (vec![], 0));
    }

    #[test]
    fn the_configuration_is_found_upwards_and_beside_what_is_named() {
        let dir = tempfile::tempdir().expect("tempdir");
        let root = dir.path().canonicalize().expect("canonical");
        create_dir_all(root.join("a/b/c")).expect("mkdir");
        create_dir_all(root.join("other")).expect("mkdir");
        write(root.join("a").join(CONFIG), "").expect("write");
        write(root.join("a/b/x.yaml"), "").expect("write");
        assert_eq!(config(&[], &root.join("a/b/c")), Some(root.join("a").join(CONFIG)));
        assert_eq!(config(&[], &root.join("other")), None);
        assert_eq!(config(&["../a/b/x.yaml".into()], &root.join("other")), Some(root.join("a").join(CONFIG)));
    }
}
