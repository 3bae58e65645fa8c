//! Prints what the engine that it is linked with says of itself: version and commit. `get.sh` compiles and runs it, so
//! that an engine of another release, or one that this machine cannot load, is found before anything is built with it.

use std::ffi::{CStr, c_char, c_void};
use std::process::ExitCode;
use std::ptr::null_mut;

/// `duckdb_result` of `duckdb.h`, which the caller owns and does not look into: 48 bytes, and room for more.
#[repr(C)]
struct QueryResult([*mut c_void; 8]);

#[link(name = "duckdb")]
unsafe extern "C" {
    fn duckdb_open(path: *const c_char, database: *mut *mut c_void) -> i32;
    fn duckdb_connect(database: *mut c_void, connection: *mut *mut c_void) -> i32;
    fn duckdb_query(connection: *mut c_void, sql: *const c_char, result: *mut QueryResult) -> i32;
    fn duckdb_value_varchar(result: *mut QueryResult, column: u64, row: u64) -> *mut c_char;
}

fn main() -> ExitCode {
    let (mut database, mut connection) = (null_mut(), null_mut());
    let mut result = QueryResult([null_mut(); 8]);
    let sql = c"SELECT library_version || ' ' || source_id FROM pragma_version()";
    // SAFETY: the handles are those that the calls before have filled, and nothing is used after a call that failed.
    // The process ends at once, so nothing is freed.
    let answer = unsafe {
        if duckdb_open(c":memory:".as_ptr(), &raw mut database) != 0
            || duckdb_connect(database, &raw mut connection) != 0
            || duckdb_query(connection, sql.as_ptr(), &raw mut result) != 0
        {
            return ExitCode::FAILURE;
        }
        let answer = duckdb_value_varchar(&raw mut result, 0, 0);
        if answer.is_null() {
            return ExitCode::FAILURE;
        }
        CStr::from_ptr(answer).to_string_lossy()
    };
    println!("{answer}");
    ExitCode::SUCCESS
}
