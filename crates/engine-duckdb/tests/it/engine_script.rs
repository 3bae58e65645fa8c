//! `engine/get.sh`, which finds the engine for `./dev`: what it takes, and what it says of what it cannot take.
//!
//! The engines here are libraries that only answer which release they are. No package can be fetched: the `python3` that is
//! found has no pip.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const PINNED: &str = concat!(env!("ENGINE_VERSION"), " ", env!("ENGINE_COMMIT"));
const LIBRARY: &str = if cfg!(target_os = "macos") { "libduckdb.dylib" } else { "libduckdb.so" };

/// A copy of the script that is sooner impatient, a place for what it keeps, and a `python3` without pip.
struct Script {
    directory: TempDir,
}

struct Outcome {
    code: Option<i32>,
    /// The directory that it chose; empty when the engine is to be compiled.
    chosen: String,
    said: String,
}

impl Script {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("engine");
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("engine")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
        let script = Self { directory };
        script.edit("get.sh", "STALLED=12", "STALLED=2");
        let bin = script.path("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("python3"), "#!/bin/sh\nexit 1\n").unwrap();
        fs::set_permissions(bin.join("python3"), fs::Permissions::from_mode(0o755)).unwrap();
        script
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path("engine").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// The command, for which there is nothing yet but what `variables` say.
    fn command(&self, variables: &[(&str, &Path)]) -> Command {
        let mut command = Command::new("sh");
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        command.arg(self.path("engine").join("get.sh")).arg(self.path("kept")).env("PATH", path);
        for variable in ["DUCKDB_LIB_DIR", "EIDER_ENGINE", "EIDER_ENGINE_ARCHIVE"] {
            command.env_remove(variable);
        }
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, variables: &[(&str, &Path)]) -> Outcome {
        Outcome::of(self.command(variables).output().unwrap())
    }

    fn run_with_archive(&self, archive: impl AsRef<Path>) -> Outcome {
        self.run(&[("EIDER_ENGINE_ARCHIVE", archive.as_ref())])
    }

    /// What is kept, by name; what a run makes for itself is gone when it ends.
    fn kept(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("kept")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// A directory with a library that says it is of a release.
    fn engine(&self, release: &str) -> PathBuf {
        let directory = self.path(&format!("engine {release}"));
        fs::create_dir(&directory).unwrap();
        let source = directory.join("engine.rs");
        let text = format!(
            r#"
            #[unsafe(no_mangle)] pub extern "C" fn duckdb_open(_: usize, _: usize) -> i32 {{ 0 }}
            #[unsafe(no_mangle)] pub extern "C" fn duckdb_connect(_: usize, _: usize) -> i32 {{ 0 }}
            #[unsafe(no_mangle)] pub extern "C" fn duckdb_query(_: usize, _: usize, _: usize) -> i32 {{ 0 }}
            #[unsafe(no_mangle)] pub extern "C" fn duckdb_value_varchar(_: usize, _: u64, _: u64) -> *const i8 {{
                c"{release}".as_ptr()
            }}"#
        );
        fs::write(&source, text).unwrap();
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-o"]).arg(directory.join(LIBRARY)).arg(&source);
        let output = rustc.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::remove_file(source).unwrap();
        directory
    }

    /// An archive, as the official ones are, of an engine that says it is of a release.
    fn archive(&self, release: &str) -> PathBuf {
        let (directory, archive) = (self.engine(release), self.path("archive.tar.gz"));
        let tar = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(directory).arg(LIBRARY).status();
        assert!(tar.unwrap().success());
        archive
    }
}

impl Outcome {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), chosen: text(output.stdout).trim().to_owned(), said: text(output.stderr) }
    }

    /// That it was said, and that the engine is to be compiled.
    fn is_compiled_since(&self, reason: &str) {
        assert!(self.said.contains(reason), "no {reason:?} in {}", self.said);
        assert!(self.said.contains("wheel: Python has no pip"), "the next way was not tried: {}", self.said);
        assert!(self.said.contains("compiled from source: about 45 minutes"), "{}", self.said);
        assert_eq!((self.code, self.chosen.as_str()), (Some(0), ""), "{}", self.said);
    }
}

#[test]
fn a_directory_that_is_given_is_taken_when_it_has_the_pinned_release() {
    let script = Script::new();
    let engine = script.engine(PINNED);
    let outcome = script.run(&[("DUCKDB_LIB_DIR", &engine)]);
    assert_eq!((outcome.code, Path::new(&outcome.chosen)), (Some(0), engine.as_path()), "{}", outcome.said);

    let other = script.engine("v1.5.5 0123456789");
    let outcome = script.run(&[("DUCKDB_LIB_DIR", &other)]);
    assert_eq!((outcome.code, outcome.chosen.as_str()), (Some(1), ""));
    assert!(outcome.said.contains("v1.5.5 0123456789") && outcome.said.contains(PINNED), "{}", outcome.said);

    let empty = script.path("bin");
    let outcome = script.run(&[("DUCKDB_LIB_DIR", &empty)]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.said.contains(&format!("has no {LIBRARY}")), "{}", outcome.said);
    assert_eq!(script.kept(), [""; 0]);
}

#[test]
fn what_was_fetched_is_kept_and_fetched_again_when_it_was_changed() {
    let script = Script::new();
    let archive = script.archive(PINNED);
    let first = script.run_with_archive(&archive);
    assert_eq!(first.code, Some(0), "{}", first.said);
    let library = Path::new(&first.chosen).join(LIBRARY);
    assert!(library.is_file() && script.kept().len() == 1, "{:?}", script.kept());

    let again = script.run_with_archive("/nowhere/archive.tar.gz");
    assert_eq!((again.code, &again.chosen), (Some(0), &first.chosen));
    assert!(again.said.contains("fetched before"), "{}", again.said);

    fs::write(&library, "half of it").unwrap();
    let mended = script.run_with_archive(&archive);
    assert!(mended.said.contains("another checksum"), "{}", mended.said);
    assert_eq!((mended.code, &mended.chosen), (Some(0), &first.chosen));
    assert!(fs::metadata(&library).unwrap().len() > 1_000);
}

#[test]
fn an_archive_that_cannot_be_taken_is_named_and_the_next_way_is_tried() {
    let script = Script::new();
    let whole = script.archive(PINNED);
    let half = script.path("half.tar.gz");
    let bytes = fs::read(&whole).unwrap();
    fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    script.run_with_archive(&half).is_compiled_since("archive: is damaged");
    script.run_with_archive(script.path("engine").join("pin.env")).is_compiled_since("archive: is damaged");
    let other = script.archive("v2.0.1 d54cbbe3df");
    script.run_with_archive(other).is_compiled_since(&format!("is DuckDB v2.0.1 d54cbbe3df, and Eider needs {PINNED}"));
    assert_eq!(script.kept(), [""; 0]);
}

#[test]
fn an_archive_with_another_checksum_than_the_pinned_one_is_not_unpacked() {
    let script = Script::new();
    for platform in ["linux_x86_64", "linux_aarch64", "macos"] {
        let line = format!("ENGINE_ARCHIVE_SHA256_{platform}=");
        script.edit("pin.env", &line, &format!("{line}{}", "ab".repeat(32)));
    }
    let archive = script.archive(PINNED);
    script.run_with_archive(archive).is_compiled_since(&format!("and {} is pinned", "ab".repeat(32)));
    assert_eq!(script.kept(), [""; 0]);
}

#[test]
fn an_address_that_does_not_answer_is_given_up() {
    let script = Script::new();
    script.run_with_archive("http://127.0.0.1:1/archive.tar.gz").is_compiled_since("archive: not fetched: curl");
    // It takes connections, and never says anything.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/archive.tar.gz", silent.local_addr().unwrap());
    script.run_with_archive(address).is_compiled_since("archive: not fetched: nothing came for 2 s");
    assert_eq!(script.kept(), [""; 0]);
}

#[test]
fn a_library_that_this_machine_cannot_load_is_refused() {
    let script = Script::new();
    let engine = script.path("broken");
    fs::create_dir(&engine).unwrap();
    fs::write(engine.join(LIBRARY), "this is no library").unwrap();
    let outcome = script.run(&[("DUCKDB_LIB_DIR", &engine)]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.said.contains("cannot be loaded on this machine"), "{}", outcome.said);
}

#[test]
fn a_directory_that_cannot_be_written_to_is_said_at_once() {
    let script = Script::new();
    fs::write(script.path("kept"), "a file where the directory should be").unwrap();
    let outcome = script.run_with_archive("/nowhere/archive.tar.gz");
    assert_eq!((outcome.code, outcome.chosen.as_str()), (Some(1), ""));
    assert!(outcome.said.contains("cannot write to"), "{}", outcome.said);
}

#[test]
fn runs_at_once_do_not_disturb_each_other() {
    let script = Script::new();
    let archive = script.archive(PINNED);
    let variables = [("EIDER_ENGINE_ARCHIVE", archive.as_path())];
    let runs: Vec<_> = (0..4).map(|_| script.command(&variables).spawn().unwrap()).collect();
    for run in runs {
        let outcome = Outcome::of(run.wait_with_output().unwrap());
        assert_eq!(outcome.code, Some(0), "{}", outcome.said);
        assert!(Path::new(&outcome.chosen).join(LIBRARY).is_file());
    }
    assert_eq!(script.kept().len(), 1, "{:?}", script.kept());
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next() {
    let script = Script::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/archive.tar.gz", silent.local_addr().unwrap());
    let mut killed = script.command(&[("EIDER_ENGINE_ARCHIVE", Path::new(&address))]).spawn().unwrap();
    // The connection says that it is at work.
    silent.accept().unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(script.kept().iter().any(|name| name.starts_with(".new-")), "{:?}", script.kept());
    let archive = script.archive(PINNED);
    assert_eq!(script.run_with_archive(archive).code, Some(0));
    assert_eq!(script.kept().len(), 1, "{:?}", script.kept());
}

#[test]
fn one_way_alone_can_be_asked_for() {
    let script = Script::new();
    let bundled = script.run(&[("EIDER_ENGINE", Path::new("bundled"))]);
    assert_eq!((bundled.code, bundled.chosen.as_str()), (Some(0), ""), "{}", bundled.said);
    let wheel = script.run(&[("EIDER_ENGINE", Path::new("wheel"))]);
    assert_eq!(wheel.code, Some(1));
    assert!(wheel.said.contains("asks for the wheel alone"), "{}", wheel.said);
    let unknown = script.run(&[("EIDER_ENGINE", Path::new("system"))]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.said.contains("`system`") && unknown.said.contains("bundled"), "{}", unknown.said);
}
