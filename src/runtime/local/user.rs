//! Whom servers and tools run as.

use crate::error::{Error, Result};
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The user that servers and tools run as: assay's own, or an unprivileged one when assay is root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    uid: u32,
    gid: u32,
    /// Whether assay is another user (root) and must hand over.
    other: bool,
}

/// The users that are tried when assay is root and none is configured.
///
/// `postgres` is not among them although servers like to run as it: a restored dump is foreign code, and on a machine
/// with a production database it would get the rights of the owner of that database's files.
const UNPRIVILEGED: [&str; 2] = ["assay", "nobody"];

impl User {
    /// The configured user (`runtime.local.user`), else `assay` if there is one, else `nobody`. When assay is not root,
    /// its own user: nobody else may be switched to.
    ///
    /// # Errors
    /// Harness: there is no such user. Scenario: the configured user is root.
    pub fn choose(configured: Option<&str>) -> Result<Self> {
        let own = rustix::process::geteuid();
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        if !own.is_root() {
            let (uid, gid) = (own.as_raw(), rustix::process::getegid().as_raw());
            let name = users(&passwd).find(|u| u.uid == uid).map_or_else(|| format!("uid {uid}"), |u| u.name);
            return Ok(Self { name, uid, gid, other: false });
        }
        Self::unprivileged(&passwd, configured)
    }

    fn unprivileged(passwd: &str, configured: Option<&str>) -> Result<Self> {
        let find = |name: &str| users(passwd).find(|user| user.name == name);
        let Some(name) = configured else {
            return UNPRIVILEGED.into_iter().find_map(find).ok_or_else(|| {
                Error::harness("there is no unprivileged user to run servers as: neither `assay` nor `nobody` is in /etc/passwd")
                    .hint("Create one (useradd --system assay), or name one in `runtime.local.user`.")
            });
        };
        match find(name) {
            Some(user) if user.uid == 0 => Err(Error::scenario(format!("`runtime.local.user` names {name}, which is root"))
                .hint("Name an unprivileged user: a restored dump is foreign code.")),
            Some(user) => Ok(user),
            None => Err(Error::harness(format!("the user `{name}` of `runtime.local.user` is not in /etc/passwd"))
                .hint("Create the user, or name another one.")),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.uid
    }

    /// Makes a command run as this user. The standard library also clears root's supplementary groups.
    pub(super) fn apply(&self, command: &mut Command) {
        if self.other {
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Hands one file or folder over to this user; a symbolic link itself, never what it points to.
    ///
    /// # Errors
    /// It does not exist, or its owner cannot be changed.
    pub fn give(&self, path: &Path) -> std::io::Result<()> {
        if self.other { lchown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }

    /// Hands a folder over with everything in it.
    ///
    /// # Errors
    /// See [`User::give`].
    pub fn give_tree(&self, path: &Path) -> std::io::Result<()> {
        if !self.other {
            return Ok(());
        }
        if path.symlink_metadata()?.is_dir() {
            for entry in path.read_dir()? {
                self.give_tree(&entry?.path())?;
            }
        }
        self.give(path)
    }

    /// The first folder on the way to `path` that this user may not go through. Access lists are not looked at.
    #[must_use]
    pub fn blocked_at(&self, path: &Path) -> Option<PathBuf> {
        if !self.other {
            return None;
        }
        let mut folders: Vec<&Path> = path.ancestors().collect();
        folders.reverse();
        folders.into_iter().find(|folder| folder.metadata().is_ok_and(|meta| !self.may_enter(&meta))).map(Path::to_path_buf)
    }

    fn may_enter(&self, folder: &std::fs::Metadata) -> bool {
        let bit = match () {
            () if folder.uid() == self.uid => 0o100,
            () if folder.gid() == self.gid => 0o010,
            () => 0o001,
        };
        folder.mode() & bit != 0
    }
}

/// The users in the text of `/etc/passwd`: `name:password:uid:gid:...`.
fn users(passwd: &str) -> impl Iterator<Item = User> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(User { name: name.to_owned(), uid, gid, other: true })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;
    use std::os::unix::fs::PermissionsExt;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104::/var/lib/postgresql:/bin/bash\n\
                          broken line\nnobody:x:65534:65533::/nonexistent:/usr/sbin/nologin\n";

    #[test]
    fn root_becomes_nobody_and_never_the_owner_of_a_production_database() {
        let user = User::unprivileged(PASSWD, None).expect("nobody");
        assert_eq!((user.name(), user.uid, user.gid), ("nobody", 65534, 65533));
        let with_assay = format!("{PASSWD}assay:x:990:990::/:/bin/false\n");
        assert_eq!(User::unprivileged(&with_assay, None).expect("assay").name(), "assay");
        assert_eq!(User::unprivileged(&with_assay, Some("postgres")).expect("asked for").uid, 101);
    }

    #[test]
    fn a_user_that_is_missing_or_root_is_refused() {
        assert_eq!(User::unprivileged(PASSWD, Some("root")).expect_err("root").blame, Blame::Scenario);
        assert_eq!(User::unprivileged(PASSWD, Some("ghost")).expect_err("ghost").blame, Blame::Harness);
        assert_eq!(User::unprivileged("root:x:0:0::/:/bin/sh\n", None).expect_err("none").blame, Blame::Harness);
    }

    #[test]
    fn a_folder_on_the_way_that_cannot_be_entered_is_named() {
        let dir = tempfile::tempdir().expect("tempdir");
        let inner = dir.path().join("closed/open");
        std::fs::create_dir_all(&inner).expect("mkdir");
        let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        mode(dir.path(), 0o755);
        mode(&dir.path().join("closed"), 0o700);
        let stranger = User { name: "x".into(), uid: 4_000_000, gid: 4_000_000, other: true };
        assert_eq!(stranger.blocked_at(&inner), Some(dir.path().join("closed")));
        mode(&dir.path().join("closed"), 0o711);
        assert_eq!(stranger.blocked_at(&inner), None);
    }
}
