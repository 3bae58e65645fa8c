//! Sheets of workbooks and tables of SQLite as inputs of `eider import`.

use std::fmt::Write as _;
use std::fs;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Value as Json, json};
use zip::CompressionMethod;

use crate::import::shell;
use crate::import_inputs::{values, zip_of};
use crate::process::{Server, json_of};

/// A cell as a workbook holds it.
#[derive(Debug, Clone)]
enum Cell {
    Empty,
    Text(String),
    Number(f64),
    Bool(bool),
    Error,
    /// Of days since 1899-12-30, shown as a date, as a date and a time, as a time.
    Date(u32),
    Moment(f64),
    Clock(f64),
}

/// A workbook as Excel writes it, with one sheet.
fn xlsx(rows: &[Vec<Cell>]) -> Vec<u8> {
    let mut sheet = String::new();
    for (row, cells) in rows.iter().enumerate() {
        if cells.is_empty() {
            continue;
        }
        write!(sheet, "<row r=\"{}\">", row + 1).unwrap();
        for (column, cell) in cells.iter().enumerate() {
            let at = format!("{}{}", char::from(b'A' + u8::try_from(column).unwrap()), row + 1);
            match cell {
                Cell::Empty => {}
                Cell::Text(text) => {
                    let text = text.replace('&', "&amp;").replace('<', "&lt;");
                    write!(sheet, "<c r=\"{at}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
                        .unwrap();
                }
                Cell::Number(number) => write!(sheet, "<c r=\"{at}\"><v>{number}</v></c>").unwrap(),
                Cell::Bool(value) => write!(sheet, "<c r=\"{at}\" t=\"b\"><v>{}</v></c>", u8::from(*value)).unwrap(),
                Cell::Error => write!(sheet, "<c r=\"{at}\" t=\"e\"><v>#DIV/0!</v></c>").unwrap(),
                Cell::Date(days) => write!(sheet, "<c r=\"{at}\" s=\"1\"><v>{days}</v></c>").unwrap(),
                Cell::Moment(days) => write!(sheet, "<c r=\"{at}\" s=\"2\"><v>{days}</v></c>").unwrap(),
                Cell::Clock(days) => write!(sheet, "<c r=\"{at}\" s=\"3\"><v>{days}</v></c>").unwrap(),
            }
        }
        sheet.push_str("</row>");
    }
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let parts = [
        (
            "[Content_Types].xml",
            format!(
                "<Types xmlns=\"{package}/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"r1\" Type=\"{office}/officeDocument\" \
                 Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets><sheet name=\"Trips\" sheetId=\"1\" r:id=\"r1\"/>\
                 </sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"r1\" Type=\"{office}/worksheet\" \
                 Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"r2\" Type=\"{office}/styles\" Target=\"styles.xml\"/>\
                 </Relationships>"
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                "<styleSheet xmlns=\"{main}\"><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/>\
                 <xf numFmtId=\"21\"/></cellXfs></styleSheet>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", format!("<worksheet xmlns=\"{main}\"><sheetData>{sheet}</sheetData></worksheet>")),
    ];
    let members: Vec<(&str, CompressionMethod, Vec<u8>)> =
        parts.into_iter().map(|(name, text)| (name, CompressionMethod::Deflated, text.into_bytes())).collect();
    zip_of(&members)
}

async fn create(server: &Server, properties: Json) {
    let schema = json!({"name": "s", "properties": properties});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
}

/// Whatever stands in the cells, a record has it, and what is refused is named by its row.
#[tokio::test]
async fn the_cells_of_a_sheet_are_the_values_of_records() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(
        &server,
        json!([{"name": "text", "type": "string"}, {"name": "n", "type": "integer"}, {"name": "x", "type": "number"},
            {"name": "ok", "type": "boolean"}, {"name": "day", "type": "date"}, {"name": "place", "type": "integer"},
            {"name": "at", "type": "datetime", "time_zone": "UTC"}, {"name": "clock", "type": "time"}]),
    )
    .await;
    let cells = (
        prop::option::of("[a-z<&\"äß 1]{1,9}"),
        prop::option::of(-9_000_000_000_000_000_i64..9_000_000_000_000_000),
        prop::option::of(-1.0e9..1.0e9),
        prop::option::of(any::<bool>()),
        prop::option::of(61_u32..60_000),
        prop::option::of(0_u32..86_400),
        any::<bool>(),
        0..3_u8,
    );
    let rows = prop::collection::vec(cells, 1..60);
    let rows = rows.new_tree(&mut TestRunner::deterministic()).unwrap().current();
    let names = ["text", "n", "x", "ok", "day", "place", "at", "clock"];
    let mut sheet = vec![Vec::new(), names.iter().map(|name| Cell::Text((*name).to_owned())).collect()];
    let (mut expected, mut refused): (Vec<Vec<Json>>, Vec<usize>) = (vec![Vec::new(); names.len()], Vec::new());
    for (text, n, x, ok, day, second, is_error, blank_rows) in rows {
        sheet.extend((0..blank_rows).map(|_| Vec::new()));
        let place = sheet.len() + 1;
        let fraction = second.map(|second| f64::from(second) / 86_400.0);
        let or = |cell: Option<Cell>| cell.unwrap_or(Cell::Empty);
        #[expect(clippy::cast_precision_loss, reason = "as sheets hold it")]
        let whole = n.map(|n| n as f64);
        let is_refused = is_error && n.is_some();
        sheet.push(vec![
            or(text.clone().map(Cell::Text)),
            if is_refused { Cell::Error } else { or(whole.map(Cell::Number)) },
            or(x.map(Cell::Number)),
            or(ok.map(Cell::Bool)),
            or(day.map(Cell::Date)),
            Cell::Number(f64::from(u32::try_from(place).unwrap())),
            or(fraction.map(|fraction| Cell::Moment(45_000.0 + fraction))),
            or(fraction.map(Cell::Clock)),
        ]);
        if is_refused {
            refused.push(place);
            continue;
        }
        let date = |days: u32| {
            let epoch = jiff::civil::date(1899, 12, 30);
            epoch.checked_add(jiff::Span::new().days(days)).unwrap().to_string()
        };
        let clock =
            second.map(|second| format!("{:02}:{:02}:{:02}.000000", second / 3600, second / 60 % 60, second % 60));
        let record = [
            json!(text),
            json!(n),
            json!(x),
            json!(ok),
            json!(day.map(date)),
            json!(place),
            json!(clock.as_ref().map(|clock| format!("2023-03-15T{clock}Z"))),
            json!(clock),
        ];
        for (values, value) in expected.iter_mut().zip(record) {
            values.push(value);
        }
    }
    fs::write(directory.path().join("trips.xlsx"), xlsx(&sheet)).unwrap();
    for (round, input) in ["trips.xlsx", "- <trips.xlsx", "<(cat trips.xlsx)"].into_iter().enumerate() {
        let script = format!("$eider import {input} --schema s --url $url");
        let (code, said) = shell(&server, directory.path(), &script).await;
        assert_eq!(code, Some(i32::from(!refused.is_empty())), "{said}");
        let failures = said.lines().filter_map(|line| line.strip_prefix("  row ")?.split_once(": type_mismatch /n "));
        assert!(failures.map(|(row, _)| row.parse::<usize>().unwrap()).eq(refused.iter().copied()), "{said}");
        for (name, expected) in names.iter().zip(&expected) {
            let found = values(&server, "s", name).await;
            assert_eq!(found[round * expected.len()..], expected[..], "{name}");
        }
    }
}

#[tokio::test]
async fn a_sheet_says_what_is_odd_about_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let text = |text: &str| Cell::Text(text.to_owned());
    // A column of dates and times, one of them at midnight; a name twice; a cell without a name above it.
    let book = xlsx(&[
        vec![text("a"), text("a"), Cell::Empty, text("when")],
        vec![Cell::Number(1.0), Cell::Number(2.0), Cell::Empty, Cell::Moment(45_000.5)],
        vec![Cell::Number(3.0), Cell::Error, Cell::Empty, Cell::Moment(45_001.0), text("beyond")],
    ]);
    fs::write(directory.path().join("book.xlsx"), &book).unwrap();
    fs::write(directory.path().join("torn.xlsx"), &book[..book.len() / 2]).unwrap();
    fs::write(directory.path().join("text.xlsx"), "a,b\n1,2\n").unwrap();
    create(
        &server,
        json!([{"name": "a", "type": "integer"}, {"name": "second", "type": "integer", "aliases": ["a[2]"],
            "null_tokens": ["#DIV/0!"]}, {"name": "when", "type": "string"}]),
    )
    .await;
    let (code, said) = shell(&server, directory.path(), "$eider import book.xlsx --schema s --url $url").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("row 3: unknown_property /[5]"), "{said}");
    let script = "$eider import book.xlsx --ignore '[5]' --schema s --url $url";
    let (code, said) = shell(&server, directory.path(), script).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(values(&server, "s", "second").await, [json!(2), json!(2), json!(null)]);
    let when = [json!("2023-03-15T12:00:00"), json!("2023-03-15T12:00:00"), json!("2023-03-16T00:00:00")];
    assert_eq!(values(&server, "s", "when").await, when);
    for (input, said) in [
        ("book.xlsx --sheet Nowhere", "it has no sheet `Nowhere`; it has `Trips`"),
        ("torn.xlsx", "zip"),
        ("text.xlsx", "is not what its name says"),
    ] {
        let (code, text) =
            shell(&server, directory.path(), &format!("$eider import {input} --schema s --url $url")).await;
        assert_eq!(code, Some(5), "{text}");
        assert!(text.contains(said), "{text}");
    }
}

#[tokio::test]
async fn the_sheets_of_open_document_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let text = |text: &str| format!("<t:table-cell o:value-type=\"string\"><x:p>{text}</x:p></t:table-cell>");
    let rows = [
        ["n", "day", "clock", "ok"].map(text).concat(),
        "<t:table-cell o:value-type=\"float\" o:value=\"7\"/>\
         <t:table-cell o:value-type=\"date\" o:date-value=\"2024-02-29\"/>\
         <t:table-cell o:value-type=\"time\" o:time-value=\"PT08H15M30S\"/>\
         <t:table-cell o:value-type=\"boolean\" o:boolean-value=\"true\"/>"
            .to_owned(),
        text("x"),
    ]
    .map(|cells| format!("<t:table-row>{cells}</t:table-row>"))
    .concat();
    let namespace = "urn:oasis:names:tc:opendocument:xmlns";
    let content = format!(
        "<o:document-content xmlns:o=\"{namespace}:office:1.0\" xmlns:t=\"{namespace}:table:1.0\" \
         xmlns:x=\"{namespace}:text:1.0\"><o:body><o:spreadsheet><t:table t:name=\"First\">{rows}</t:table>\
         </o:spreadsheet></o:body></o:document-content>"
    );
    let content = content.replace("<o:", "<office:").replace("</o:", "</office:").replace(" o:", " office:");
    let content = content.replace("<t:", "<table:").replace("</t:", "</table:").replace(" t:", " table:");
    let content = content.replace("<x:", "<text:").replace("</x:", "</text:");
    let content = content.replace("xmlns:o=", "xmlns:office=").replace("xmlns:t=", "xmlns:table=");
    let content = content.replace("xmlns:x=", "xmlns:text=");
    let mimetype = b"application/vnd.oasis.opendocument.spreadsheet".to_vec();
    let manifest =
        b"<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>".to_vec();
    let book = zip_of(&[
        ("mimetype", CompressionMethod::Stored, mimetype),
        ("META-INF/manifest.xml", CompressionMethod::Deflated, manifest),
        ("content.xml", CompressionMethod::Deflated, content.into_bytes()),
    ]);
    fs::write(directory.path().join("book.ods"), book).unwrap();
    create(
        &server,
        json!([{"name": "n", "type": "integer"}, {"name": "day", "type": "date"}, {"name": "clock", "type": "time"},
            {"name": "ok", "type": "boolean"}]),
    )
    .await;
    let (code, said) = shell(&server, directory.path(), "$eider import book.ods --schema s --url $url").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("2 records of book.ods, sheet First: 1 stored, 1 not taken"), "{said}");
    assert!(said.contains("row 3: type_mismatch /n"), "{said}");
    for (name, value) in
        [("n", json!(7)), ("day", json!("2024-02-29")), ("clock", json!("08:15:30.000000")), ("ok", json!(true))]
    {
        assert_eq!(values(&server, "s", name).await, [value]);
    }
}

/// A row of a table.
type Row = (Option<String>, Option<i64>, Option<f64>, Option<Vec<u8>>);

/// Whatever stands in a table, records have it: numbers with all their digits, bytes as base64, null as null.
#[tokio::test]
async fn the_rows_of_a_table_are_records() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(
        &server,
        json!([{"name": "key", "type": "integer", "aliases": ["id"]}, {"name": "mixed", "type": "string"},
            {"name": "n", "type": "integer"}, {"name": "x", "type": "number"}, {"name": "raw", "type": "string"}]),
    )
    .await;
    let row = (
        prop::option::of("[ -~äß\n]{0,12}"),
        prop::option::of(any::<i64>()),
        prop::option::of(prop::num::f64::NORMAL | prop::num::f64::ZERO),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
    );
    let rows = prop::collection::vec(row, 200).new_tree(&mut TestRunner::deterministic()).unwrap().current();
    let mut connection = Connection::open(directory.path().join("some.db")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = wal;
             CREATE TABLE \"my \"\"table\"(id INTEGER PRIMARY KEY, mixed, n INTEGER, x REAL, raw BLOB);
             CREATE TABLE other(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
             INSERT INTO other VALUES ('b', 2), ('a', 1);
             CREATE VIEW seen AS SELECT id, n FROM \"my \"\"table\" WHERE id <= 3;",
        )
        .unwrap();
    let transaction = connection.transaction().unwrap();
    for (text, n, x, raw) in &rows {
        let raw = raw.clone().map_or(Sql::Null, Sql::Blob);
        let sql = "INSERT INTO \"my \"\"table\"(mixed, n, x, raw) VALUES (?, ?, ?, ?)";
        transaction.execute(sql, rusqlite::params![text, n, x, raw]).unwrap();
    }
    transaction.commit().unwrap();
    // The connection stays open: what is imported is being used.
    let import = |how: &str| format!("$eider import some.db --schema s --url $url {how}");
    let (code, said) = shell(&server, directory.path(), &import("--table 'my \"table'")).await;
    assert_eq!(code, Some(0), "{said}");
    let of = |value: fn(&Row) -> Json| -> Vec<Json> { rows.iter().map(value).collect() };
    assert_eq!(values(&server, "s", "mixed").await, of(|(text, ..)| json!(text)));
    assert_eq!(values(&server, "s", "n").await, of(|(_, n, ..)| json!(n)));
    assert_eq!(values(&server, "s", "x").await, of(|(_, _, x, _)| json!(x)));
    let raw = values(&server, "s", "raw").await;
    let expected = of(|(.., raw)| {
        use base64::Engine;
        json!(raw.as_ref().map(|raw| base64::engine::general_purpose::STANDARD.encode(raw)))
    });
    assert_eq!(raw, expected);

    // A copy of it, as a pipe has it, leaves no files behind.
    connection.execute_batch("PRAGMA wal_checkpoint(truncate)").unwrap();
    fs::create_dir(directory.path().join("tmp")).unwrap();
    let script = "TMPDIR=$PWD/tmp $eider import - --table seen --dry-run --schema s --url $url <some.db; ls -A tmp";
    let (code, said) = shell(&server, directory.path(), script).await;
    let summary = "3 records of standard input, table seen: 3 would be stored, 0 not taken";
    let expected = format!("{summary}\n  \"id\" to \"key\": 3 records\n");
    assert_eq!((code, said), (Some(0), expected));

    connection.execute("UPDATE \"my \"\"table\" SET n = 'seven' WHERE id = 2", []).unwrap();
    let (code, said) = shell(&server, directory.path(), &import("--table SEEN")).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("3 records of some.db, table seen: 2 stored") && said.contains("row 2: type_mismatch /n"));
    for (how, exit, text) in [
        ("", 5, "say with --table which of its tables: `my \"table`, `other`"),
        ("--table nowhere", 5, "it has no table `nowhere`"),
        ("--table other --ignore k --rename v:n", 0, "2 stored"),
    ] {
        let (code, said) = shell(&server, directory.path(), &import(how)).await;
        assert_eq!(code, Some(exit), "{said}");
        assert!(said.contains(text), "{said}");
    }
    assert_eq!(values(&server, "s", "n").await.iter().rev().take(2).collect::<Vec<_>>(), [&json!(2), &json!(1)]);
}
