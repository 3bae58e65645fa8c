use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// Gives a few bytes at a time, as pipes do.
struct Trickle(Cursor<Vec<u8>>, usize);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.1.min(buffer.len());
        self.0.read(&mut buffer[..most])
    }
}

fn options(given: &[(&str, &str)]) -> ReadOptions {
    let mut reading = ReadOptions::default();
    for (name, text) in given {
        reading.set(name, text).unwrap();
    }
    reading
}

/// The stretches of a text: what each is, the line that it names, its bytes.
fn stretches(text: &str, format: BodyFormat, given: &[(&str, &str)]) -> io::Result<Vec<(What, u64, String)>> {
    let mut records = Records::new(text.as_bytes(), format, &options(given))?;
    let mut found = Vec::new();
    while let Some(stretch) = records.next()? {
        found.push((stretch.what, stretch.line, String::from_utf8_lossy(stretch.bytes).into_owned()));
    }
    Ok(found)
}

fn records(text: &str, format: BodyFormat, given: &[(&str, &str)]) -> Vec<(u64, String)> {
    let found = stretches(text, format, given).unwrap().into_iter();
    found.filter(|(what, ..)| *what == What::Record).map(|(_, line, text)| (line, text)).collect()
}

#[test]
fn records_of_csv_end_outside_quotes() {
    let csv = |text: &str, given: &[(&str, &str)]| {
        let found = records(text, BodyFormat::Csv, given).into_iter();
        found.map(|(line, text)| format!("{line}:{}", text.trim_end())).collect::<Vec<_>>()
    };
    assert_eq!(csv("a,b\n1,\"x\ny\"\n2,z", &[]), ["2:1,\"x\ny\"", "4:2,z"]);
    assert_eq!(csv("\u{feff}\"a\nb\"\n\n1\n\r\n2\n", &[]), ["4:1", "6:2"]);
    // A quote that does not open a cell is text.
    assert_eq!(csv("a\n1\"\n2\n\"3\"\"\n\"\n", &[]), ["2:1\"", "3:2", "4:\"3\"\"\n\""]);
    assert_eq!(csv("sep=;\na;b\n1;\"\n\"\n", &[]), ["3:1;\"\n\""]);
    assert_eq!(csv("1\n2\n", &[("csv.header", "absent")]), ["1:1", "2:2"]);
    assert_eq!(csv("junk \"\n#c\na\n#\"\n1\n", &[("csv.skip", "1"), ("csv.comment", "#")]), ["5:1"]);
    assert_eq!(csv("a\r1\r\n\"2\r\n\r\"\r3", &[("csv.line_end", "any")]), ["2:1", "3:\"2\r\n\r\"", "6:3"]);
    assert_eq!(csv("a\n'1\\'\n'\n2\n", &[("csv.quote", "'"), ("csv.escape", "\\")]), ["2:'1\\'\n'", "4:2"]);
    assert_eq!(csv("a||b\n1|\"\n2||\"\n\"\n", &[("csv.delimiter", "||")]), ["2:1|\"", "3:2||\"\n\""]);
    assert_eq!(csv("a\n\"1\n2\n", &[("csv.quote", "none")]), ["2:\"1", "3:2"]);
    // A header of several rows, and rows that are none.
    assert_eq!(csv("a,\nb,c\n1,2\n", &[("csv.header_rows", "2")]), ["3:1,2"]);
    assert_eq!(csv(",\na,b\n,\n1,2\r\n,\r\n3,4", &[("csv.empty_rows", "skip")]), ["4:1,2", "6:3,4"]);
    assert_eq!(csv("||\na||b\n1||2\n||\n", &[("csv.empty_rows", "skip"), ("csv.delimiter", "||")]), ["3:1||2"]);
    let wide = stretches("\u{ff}", BodyFormat::Csv, &[("csv.encoding", "utf-16")]).unwrap_err();
    assert!(wide.to_string().contains("convert it to UTF-8"));
}

#[test]
fn records_of_json_are_elements_or_stand_one_behind_the_other() {
    let json = |text: &str| {
        let found = records(text, BodyFormat::JsonArray, &[]).into_iter();
        found.map(|(line, text)| format!("{line}:{text}")).collect::<Vec<_>>()
    };
    let expected = ["1:{\"a\": \"]},\\\"{\"}", "2:{\"b\": [1, {}]}", "3:7"];
    assert_eq!(json("\u{feff} [ {\"a\": \"]},\\\"{\"} ,\n{\"b\": [1, {}]}, 7 ]\n"), expected);
    assert_eq!(json("{\"a\": 1}{\"b\": \"}\"}\n {}\n"), ["1:{\"a\": 1}", "2:{\"b\": \"}\"}", "3:{}"]);
    assert_eq!(json(" [ ] "), [""; 0]);
    assert_eq!(json("[{}{}]"), ["1:{}{}"]);
    for (text, said) in [
        ("[{}, {}", "does not end"),
        ("[{}", "does not end"),
        ("[{},]", "comma stands behind"),
        ("[{}] {}", "text behind"),
        ("[", "does not end"),
    ] {
        let error = stretches(text, BodyFormat::JsonArray, &[]).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    let inside = stretches("{}", BodyFormat::JsonArray, &[("records_at", "/data")]);
    assert!(inside.unwrap_err().to_string().contains("not told apart"));
}

proptest! {
    /// However an input arrives, its chunks are the same; they hold each record once, and name its line.
    #[test]
    fn chunks_hold_every_record_once(
        cells in prop::collection::vec(("[a-z,\"\n]{0,9}", 0..3_u8), 1..40),
        bytes in 1_usize..60,
        step in 1_usize..50,
        format in prop::sample::select(vec![BodyFormat::Csv, BodyFormat::Ndjson, BodyFormat::JsonArray]),
    ) {
        let mut text = if format == BodyFormat::Csv { "\n\"na\nme\"\n".to_owned() } else { String::new() };
        let mut expected: Vec<(u64, String)> = Vec::new();
        let mut objects = Vec::new();
        for (cell, blank) in &cells {
            text.push_str(&"\n".repeat(usize::from(*blank)));
            let line = 1 + text.matches('\n').count() as u64;
            let object = serde_json::json!({"name": cell}).to_string();
            let record = if format == BodyFormat::Csv { format!("\"{}\"", cell.replace('"', "\"\"")) } else { object };
            text.push_str(&record);
            text.push('\n');
            objects.push(record.clone());
            expected.push((if format == BodyFormat::JsonArray { objects.len() as u64 } else { line }, record));
        }
        if format == BodyFormat::JsonArray {
            text = format!("[{}]", objects.join(",\n"));
        }
        let reading = ReadOptions::default();
        let chunks_of = |step: usize| {
            let reader = Trickle(Cursor::new(text.clone().into_bytes()), step);
            let mut chunks = Chunks::new(reader, format, &reading, bytes).unwrap();
            std::iter::from_fn(move || chunks.next().unwrap()).collect::<Vec<Chunk>>()
        };
        let chunks = chunks_of(step);
        prop_assert_eq!(&chunks, &chunks_of(usize::MAX));
        let mut found = Vec::new();
        let mut offset = None;
        for chunk in &chunks {
            prop_assert!(offset < Some(chunk.offset));
            offset = Some(chunk.offset);
            let body = String::from_utf8(chunk.body.clone()).unwrap();
            for (line, record) in records(&body, format, &[]) {
                let record = record.trim_end_matches('\n').to_owned();
                if !record.is_empty() {
                    found.push((chunk.line(line), record));
                }
            }
        }
        prop_assert_eq!(found, expected);
    }
}

proptest! {
    /// Each chunk has the whole header in front of its records, however many rows it has and whatever stands between.
    #[test]
    fn chunks_of_csv_begin_with_the_header(
        header in prop::collection::vec("[a-z]{1,3},[a-z]{0,3}", 1..4),
        rows in prop::collection::vec(prop_oneof!["[0-9]{0,3},[0-9]{1,3}", Just(",".to_owned()), Just(String::new())], 1..40),
        begins_with_nothing in any::<bool>(),
        skips_empty in any::<bool>(),
        bytes in 1_usize..60,
    ) {
        let before = if begins_with_nothing && skips_empty { ",\n\n" } else { "" };
        let text = format!("{before}{}\n{}\n", header.join("\n"), rows.join("\n"));
        let header_rows = header.len().to_string();
        let mut given = vec![("csv.header_rows", header_rows.as_str())];
        if skips_empty {
            given.push(("csv.empty_rows", "skip"));
        }
        let reading = options(&given);
        let mut chunks = Chunks::new(text.as_bytes(), BodyFormat::Csv, &reading, bytes).unwrap();
        let mut found = Vec::new();
        while let Some(chunk) = chunks.next().unwrap() {
            let body = String::from_utf8(chunk.body.clone()).unwrap();
            let named: Vec<&str> = body.lines().filter(|line| !line.is_empty() && *line != ",").take(header.len()).collect();
            prop_assert_eq!(named, header.iter().map(String::as_str).collect::<Vec<_>>());
            found.extend(records(&body, BodyFormat::Csv, &given).into_iter().map(|(line, record)| (chunk.line(line), record)));
        }
        let first = 1 + before.matches('\n').count() as u64 + header.len() as u64;
        let is_record = |row: &String| !row.is_empty() && (!skips_empty || row != ",");
        let expected = rows.iter().zip(first..).filter(|(row, _)| is_record(row));
        let expected: Vec<(u64, String)> = expected.map(|(row, line)| (line, format!("{row}\n"))).collect();
        prop_assert_eq!(found, expected);
    }
}
