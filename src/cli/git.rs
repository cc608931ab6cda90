//! What git knows: an earlier state of the repository, and which lines have changed since. Asked of git's own command,
//! which only reads here, and runs none of the helpers that a repository can set up.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use tempfile::TempDir;

use super::settings::{Fault, nearest};
use super::sources::walk_files;
use palisade::config::listed;
use palisade::source::{self, Skipped, Sources, Walk};

/// A repository by the folder that holds it.
pub struct Repository {
    root: PathBuf,
}

/// The files of a repository as they were at a revision, in a folder that goes when this does.
pub struct Revision {
    folder: TempDir,
    root: PathBuf,
}

impl Repository {
    /// The repository that holds a path.
    ///
    /// # Errors
    /// There is none, or git cannot be asked.
    pub fn holding(path: &Path) -> Result<Self, Fault> {
        let path = real(path).ok_or_else(|| Fault::Read(path.to_owned(), io::ErrorKind::NotFound.into()))?;
        // What is asked for may be gone by now; the repository is not.
        let folder = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(&path);
        let root = git(folder, &["rev-parse", "--show-toplevel"])?;
        let root = fs::canonicalize(root.trim_end()).map_err(|error| Fault::Read(folder.to_owned(), error))?;
        Ok(Self { root })
    }

    /// The full name of the commit that a revision stands for.
    fn commit(&self, revision: &str) -> Result<String, Fault> {
        let named = format!("{revision}^{{commit}}");
        let found = git(&self.root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &named]);
        let commit = found.map_err(|fault| match fault {
            Fault::Git(_) => Fault::Git(format!(
                "there is no revision `{revision}` in {}{}; a shallow clone holds only the newest commits (fetch with \
                 `--unshallow`, or `fetch-depth: 0` for actions/checkout)",
                self.root.display(),
                self.branches()
            )),
            other => other,
        })?;
        Ok(commit.trim_end().to_owned())
    }

    /// The names of the branches, where they are few: one of them was meant, as likely as not.
    fn branches(&self) -> String {
        const FEW: usize = 5;
        let branches =
            git(&self.root, &["for-each-ref", "--format=%(refname:short)", "refs/heads"]).unwrap_or_default();
        let names: Vec<&str> = branches.lines().collect();
        match names.len() {
            1..=FEW => format!(", whose branches are {}", listed(&names)),
            _ => String::new(),
        }
    }

    /// The commit at which two revisions part: what a branch is compared with.
    ///
    /// # Errors
    /// There is no such revision, or they have nothing in common.
    pub fn merge_base(&self, one: &str, other: &str) -> Result<String, Fault> {
        let (one, other) = (self.commit(one)?, self.commit(other)?);
        git(&self.root, &["merge-base", &one, &other]).map(|base| base.trim_end().to_owned())
    }

    /// Writes the files of a revision that an audit may read into a folder of their own.
    ///
    /// # Errors
    /// There is no such revision, or its files cannot be had.
    pub fn at(&self, revision: &str) -> Result<Revision, Fault> {
        let commit = self.commit(revision)?;
        let listed = git_bytes(&self.root, &["ls-tree", "-r", "-z", "--full-tree", &commit])?;
        let files = listed.split(|&byte| byte == 0).filter_map(entry).collect::<Vec<_>>();
        let folder = TempDir::with_prefix("palisade-").map_err(|error| Fault::Write(std::env::temp_dir(), error))?;
        // Settings are looked for up to the root of the repository, and this is it.
        fs::create_dir(folder.path().join(".git")).map_err(|error| Fault::Write(folder.path().to_owned(), error))?;
        self.write(&files, folder.path())?;
        Ok(Revision { folder, root: self.root.clone() })
    }

    fn write(&self, files: &[(String, PathBuf)], folder: &Path) -> Result<(), Fault> {
        let failed = |error: io::Error| Fault::Git(format!("git's files cannot be read: {error}"));
        let mut child = command(&self.root, &["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| not_there(&error))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let wanted: String = files.iter().map(|(object, _)| format!("{object}\n")).collect();
        let written = thread::scope(|scope| {
            // Both pipes are of a limited size, so what is asked for goes in while the answers come out.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(wanted.as_bytes())));
            let mut answers = io::BufReader::new(stdout.ok_or(io::ErrorKind::BrokenPipe)?);
            for (_, path) in files {
                write_file(&folder.join(path), &mut answers)?;
            }
            Ok(())
        });
        child.wait().map_err(failed)?;
        written.map_err(failed)
    }

    /// The lines of each file that are not as they were at a revision, by the file's full path; of a file that git does
    /// not follow yet, all lines.
    ///
    /// # Errors
    /// There is no such revision, or git cannot be asked.
    pub fn changed_since(&self, revision: &str) -> Result<Changes, Fault> {
        let commit = self.commit(revision)?;
        let options = ["diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"];
        let prefixes = ["--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules", &commit, "--"];
        let diff = git_bytes(&self.root, &[&options[..], &prefixes[..]].concat())?;
        let mut lines = hunks(&String::from_utf8_lossy(&diff));
        let untracked = git_bytes(&self.root, &["ls-files", "--others", "--exclude-standard", "-z"])?;
        for path in untracked.split(|&byte| byte == 0).filter(|path| !path.is_empty()) {
            lines.insert(String::from_utf8_lossy(path).into_owned(), vec![1..=usize::MAX]);
        }
        Ok(Changes { lines: lines.into_iter().map(|(path, lines)| (self.root.join(path), lines)).collect() })
    }
}

impl Revision {
    /// Where a path of the repository is in the folder; nothing for a path elsewhere.
    pub fn path(&self, path: &Path) -> Option<PathBuf> {
        real(path)?.strip_prefix(&self.root).ok().map(|rest| self.folder.path().join(rest))
    }

    /// Reads what was at some paths of the repository, and the settings that held for them; nothing where they were not
    /// there yet. Sources are called as seen from the root of the repository.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn walk(&self, paths: &[PathBuf], settings: Option<&Path>) -> Result<Walk, Fault> {
        let paths: Vec<PathBuf> =
            paths.iter().filter_map(|path| self.path(path)).filter(|path| path.exists()).collect();
        let found = settings.map(Path::to_owned).or_else(|| paths.first().and_then(|path| nearest(path)));
        let walk = walk_files(&paths, found.as_deref())?;
        let folder = fs::canonicalize(self.folder.path()).unwrap_or_else(|_| self.folder.path().to_owned());
        let plain = |path: &str| {
            let below = [folder.as_path(), self.folder.path()]
                .into_iter()
                .find_map(|folder| Path::new(path).strip_prefix(folder).ok());
            below.map_or(path.to_owned(), |below| below.to_string_lossy().into_owned())
        };
        let settings = walk.sources.settings().map(|source| plain(source.path()));
        let files = walk.sources.into_contents().into_iter().map(|(path, contents)| (plain(&path), contents)).collect();
        let sources = Sources::from_contents(files);
        let sources = if let Some(settings) = settings { sources.with_settings(&settings) } else { sources };
        let skipped =
            walk.skipped.into_iter().map(|skipped| Skipped { path: plain(&skipped.path), ..skipped }).collect();
        Ok(Walk { sources, skipped })
    }
}

/// The files among some that have changes which no commit holds, or that git does not follow yet: a write would lose what
/// nothing else has. Each is with its reason; a file outside of every repository has nothing to compare it with.
pub fn uncommitted(files: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    let is_root = |folder: &&Path| folder.join(".git").exists();
    let mut repositories: BTreeMap<&Path, Vec<&PathBuf>> = BTreeMap::new();
    for file in files {
        if let Some(root) = file.ancestors().skip(1).find(is_root) {
            repositories.entry(root).or_default().push(file);
        }
    }
    let mut found = BTreeMap::new();
    for (root, files) in repositories {
        match status(root, &files) {
            Ok(changed) => found.extend(changed),
            // Where git cannot tell, nothing is known to be safe.
            Err(fault) => found.extend(files.into_iter().map(|file| (file.clone(), fault.to_string()))),
        }
    }
    found
}

fn status(root: &Path, files: &[&PathBuf]) -> Result<Vec<(PathBuf, String)>, Fault> {
    let below = |file: &PathBuf| file.strip_prefix(root).ok().map(|path| path.to_string_lossy().into_owned());
    let paths: Vec<String> = files.iter().filter_map(|file| below(file)).collect();
    let options =
        ["--literal-pathspecs", "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--"];
    let arguments: Vec<&str> = options.into_iter().chain(paths.iter().map(String::as_str)).collect();
    let listed = git_bytes(root, &arguments)?;
    let line = |line: &[u8]| {
        let (state, path) = line.split_at_checked(3)?;
        let reason = if state.starts_with(b"??") { "is not in git yet" } else { "has uncommitted changes" };
        Some((root.join(String::from_utf8_lossy(path).as_ref()), reason.to_owned()))
    };
    Ok(listed.split(|&byte| byte == 0).filter_map(line).collect())
}

/// The lines of files that have changed.
pub struct Changes {
    lines: BTreeMap<PathBuf, Vec<RangeInclusive<usize>>>,
}

impl Changes {
    /// The changed lines of a file; nothing where it is as it was.
    pub fn of(&self, path: &Path) -> Option<&[RangeInclusive<usize>]> {
        self.lines.get(path).map(Vec::as_slice)
    }
}

/// A path without links, as far as it is there.
fn real(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    let there = absolute.ancestors().find_map(|part| Some((part, fs::canonicalize(part).ok()?)));
    there.and_then(|(part, real)| Some(real.join(absolute.strip_prefix(part).ok()?)))
}

/// An entry of `ls-tree`: the object and path of a file that an audit may read, or that says what it must not read.
fn entry(listed: &[u8]) -> Option<(String, PathBuf)> {
    let text = std::str::from_utf8(listed).ok()?;
    let (about, path) = text.split_once('\t')?;
    let mut about = about.split(' ');
    // Links and other repositories are left out: what a link leads to is there under its own name.
    let is_file = about.next().is_some_and(|mode| mode.starts_with("100"));
    let object = about.nth(1)?;
    let path = Path::new(path);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(name) if name != OsStr::new(".git")));
    let name = path.file_name()?;
    let matters = source::is_read(path) || name == ".gitignore" || name == ".ignore";
    (is_file && is_plain && matters).then(|| (object.to_owned(), path.to_owned()))
}

/// Writes what `cat-file --batch` answers for one object.
fn write_file(path: &Path, answers: &mut impl io::BufRead) -> io::Result<()> {
    let mut head = String::new();
    answers.read_line(&mut head)?;
    let size: u64 =
        head.trim_end().rsplit(' ').next().and_then(|size| size.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    io::copy(&mut answers.by_ref().take(size), &mut fs::File::create(path)?)?;
    answers.read_exact(&mut [0])
}

/// The changed lines of a diff without context, by path. Where lines only went away, the ones around the gap have changed.
fn hunks(diff: &str) -> BTreeMap<String, Vec<RangeInclusive<usize>>> {
    let mut files: BTreeMap<String, Vec<RangeInclusive<usize>>> = BTreeMap::new();
    let mut path = String::new();
    let mut skipped = 0_usize;
    for line in diff.lines() {
        // What a file holds may look like a head of the diff.
        if skipped > 0 && line.starts_with(['+', '-']) {
            skipped -= 1;
        } else if let Some(name) = line.strip_prefix("+++ ") {
            path = unquoted(name);
        } else if let Some((old, new)) = line.strip_prefix("@@ -").and_then(ranges) {
            skipped = old.1 + new.1;
            let lines = if new.1 == 0 { new.0..=new.0 + 1 } else { new.0..=new.0 + new.1 - 1 };
            files.entry(path.clone()).or_default().push(lines);
        }
    }
    files.remove("");
    files
}

/// `12,3 +12,4 @@` as two pairs of a first line and a count.
fn ranges(head: &str) -> Option<((usize, usize), (usize, usize))> {
    let (old, rest) = head.split_once(" +")?;
    let range = |text: &str| match text.split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    };
    Some((range(old)?, range(rest.split_once(" @@")?.0)?))
}

/// The path in a head of a diff: without its prefix, and without the quotes and escapes of an unusual one.
fn unquoted(name: &str) -> String {
    let name = name.trim_end_matches('\t');
    let Some(inner) = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return name.strip_prefix("b/").unwrap_or_default().to_owned();
    };
    let mut bytes = Vec::new();
    let mut rest = inner.bytes();
    while let Some(byte) = rest.next() {
        match (byte, byte == b'\\') {
            (_, true) => match rest.next() {
                Some(first @ b'0'..=b'3') => {
                    let digits = [Some(first), rest.next(), rest.next()].map(|digit| digit.unwrap_or(b'0') - b'0');
                    bytes.push(digits.iter().fold(0, |sum: u8, digit| sum.wrapping_mul(8).wrapping_add(*digit)));
                }
                Some(b't') => bytes.push(b'\t'),
                Some(b'n') => bytes.push(b'\n'),
                Some(other) => bytes.push(other),
                None => {}
            },
            (byte, false) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).strip_prefix("b/").unwrap_or_default().to_owned()
}

/// Git in a folder, with nothing that a repository's own settings could start.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]);
    command.args(["-c", "core.quotePath=true"]).args(arguments);
    command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C").stdin(Stdio::null());
    command
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, Fault> {
    git_bytes(folder, arguments).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn git_bytes(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, Fault> {
    let output = command(folder, arguments).output().map_err(|error| not_there(&error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default().trim_start_matches("fatal: ");
    let help = match said.starts_with("not a git repository") {
        true => "; revisions are looked up in one: go there, or name two folders to `palisade diff`",
        false => "",
    };
    Err(Fault::Git(format!("git says of {}: {said}{help}", folder.display())))
}

fn not_there(error: &io::Error) -> Fault {
    Fault::Git(format!("git is needed for this and cannot be started: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_are_those_of_the_new_side() {
        let diff = "\
diff --git a/a.yaml b/a.yaml
--- a/a.yaml
+++ b/a.yaml
@@ -3 +3,2 @@ kind: x
-old
+new
+++ b/not-a-head.yaml
@@ -9,2 +9,0 @@
-gone
---- a/x
diff --git \"a/\\303\\266.yaml\" \"b/\\303\\266.yaml\"
--- /dev/null
+++ \"b/\\303\\266.yaml\"
@@ -0,0 +1,3 @@
+a
+b
+c
diff --git a/gone.yaml b/gone.yaml
--- a/gone.yaml
+++ /dev/null
@@ -1 +0,0 @@
-a
";
        let shown: Vec<_> = hunks(diff).into_iter().collect();
        assert_eq!(shown, [("a.yaml".to_owned(), vec![3..=4, 9..=10]), ("ö.yaml".to_owned(), vec![1..=3])]);
    }

    #[test]
    fn only_files_that_matter_are_taken() {
        let entry = |mode: &str, path: &str| entry(format!("{mode} blob 0a1b\t{path}").as_bytes()).is_some();
        assert!(entry("100644", "deploy/a.yaml") && entry("100755", "x/.gitignore"));
        assert!(!entry("120000", "link.yaml") && !entry("160000", "other.yaml") && !entry("100644", "logo.png"));
        assert!(!entry("100644", "../a.yaml") && !entry("100644", "x/.git/a.yaml"));
    }
}
