use super::*;

/// What is proposed for a whole body, as a query has it.
fn found(body: &[u8]) -> String {
    let mut options = ReadOptions::default();
    let findings = detect(body, true, &mut options, Delimiter::COMMA);
    assert_eq!(findings.len(), options.given().len(), "{findings:?}");
    options.query()
}

#[test]
fn usual_csv_needs_no_option() {
    for body in [
        "",
        "a\n1\n2\n",
        "a,b\n1,2\n3,4\n",
        "name,at\nUA,2026-01-31 10:00:00\nAA,2026-02-01 11:30:00\n",
        "carrier,note\nUA,\"a; b; c\"\nAA,\"it's; ok\"\n",
        "a,b\r\n\"x\r\ny\",1\r\n\"\",2\r\n",
        "text\nhello world\nsome more words here\n",
        "url,n\nhttp://example.org/a?b=c;d,1\nhttp://example.org/,2\n",
    ] {
        assert_eq!(found(body.as_bytes()), "", "{body}");
    }
}

#[test]
fn each_kind_of_pollution_is_found() {
    for (body, query) in [
        ("a;b;c\n1;2;3\n4;5;6\n", "csv.delimiter=%3B"),
        ("a\tb\n1\t2\n3\t4\n", "csv.delimiter=%5Ct"),
        ("a|b\n1|2\n3|4\n", "csv.delimiter=%7C"),
        ("a, b, c\n1, 2, 3\n4, 5, 6\n", "csv.delimiter=%2C%20"),
        ("name;price\nApfel;1,50\nBirne;12,25\n", "csv.decimal=%2C&csv.delimiter=%3B"),
        ("name,price\nApfel,\"1,50\"\nBirne,\"12,25\"\n", ""),
        ("name;count\nx;1,234\ny;5,678\n", "csv.delimiter=%3B"),
        ("Report of May\n\na,b,c\n1,2,3\n4,5,6\n7,8,9\n", "csv.skip=2"),
        ("# made by x\na,b\n1,2\n# more\n3,4\n", "csv.comment=%23"),
        ("1,2026-01-01,x\n2,2026-01-02,y\n3,2026-01-03,z\n", "csv.header=absent"),
        ("country,2013,2014\nSpain,5,6\nItaly,7,8\n", ""),
        ("true\n1\n2\n", ""),
        ("1\n2\n3\n", "csv.header=absent"),
        ("1,x\n", "csv.header=absent"),
        ("a,b,c\n", ""),
        ("a,b\n1e5,0.5E-3\n2e5,1.5E+3\n", ""),
        ("1e5,0.5E-3\n2e5,1.5E+3\n3e5,1E3\n", "csv.header=absent"),
        // Names of rows have none of their own in R, and indexes none in pandas.
        ("\"x\",\"y\"\n\"1\",5,6\n\"2\",7,8\n\"3\",9,1\n", "csv.header=row_names"),
        ("x;y\nu;5;6\nv;7;8\nw;7;8\n", "csv.delimiter=%3B&csv.header=row_names"),
        ("a\n31.01.2024 08:15\n", ""),
        ("time,count\n2015/01/01 01:00:00,2\n2015/01/01 04:00:00,3\n2015/01/01 05:00:00,1\n", ""),
        ("state,jobs,pay\nOH,**,**\nWA,1,2.5\nPR,160,4.4\nMN,170,4.5\n", ""),
        ("\"x\"\n\"1\",5\n\"2\",7\n", "csv.header=row_names"),
        (",x\na,hello\nb,you\nc,there\n", ""),
        ("\"\",\"x\"\n\"1\",\"u\"\n\"2\",\"v\"\n", ""),
        ("a,b\n1,2,\n3,4,\n5,6,\n", "csv.ragged=pad"),
        ("a,b,\n1,2\n3,4\n5,6\n", "csv.ragged=pad"),
        // Titles in spreadsheets.
        ("Report,,\n,,\na,b,c\nx,2,3\ny,5,6\nz,8,9\n", "csv.skip=2"),
        ("Report,\na,b\nx,2\ny,5\nz,8\n", "csv.skip=1"),
        ("name,\nx,y\nz,w\n", ""),
        ("Report of May, for all, and me\na,b\n1,2\n4,5\n7,8\n", "csv.skip=1"),
        // Headers of several rows.
        ("p,,q,\nX,Y,X,Y\n1,2,3,4\n5,6,7,8\n9,1,2,3\n", "csv.header_rows=2"),
        ("time,speed\ns,m/s\n1,2.5\n2,3.5\n3,4.5\n", "csv.header_rows=2"),
        ("a,trip,,b\n,air,rail,\nx,u,v,w\ny,u,v,w\nz,u,v,w\n", "csv.header_rows=2"),
        ("a,trip,,b\nk,air,rail,l\nx,u,v,w\ny,u,v,w\nz,u,v,w\n", ""),
        ("a,b\nNA,NA\n1,2\n3,4\n5,6\n", ""),
        // A quote within a cell, where no cell stands in quotes.
        ("a,b\"\n1,2\n3,4\n", "csv.quote=none"),
        ("at\n\"\"\n00:00:00.000001\n08:15:00\n", ""),
        ("at\n2024-01-31 08:15:00\n2024-01-31 08:16:00\n", ""),
        ("a,b\r1,2\r3,4\r", "csv.line_end=any"),
        ("a,b,c\n1,2\n3,4,5\n6,7,8\n9,1,2\n", "csv.ragged=pad"),
        ("a,b\n'x,y',1\n'it''s',2\n'z',3\n", "csv.quote=%27"),
        ("a,b\n\"say \\\"x\\\", y\",1\n\"z\",2\n", "csv.escape=%5C"),
        ("size,n\n5\" pipe,1\n7\" pipe,2\n", "csv.quote=none"),
        ("sep=;\na;b\n1;2\n", "csv.delimiter=%3B&csv.skip=1"),
    ] {
        let mut options = ReadOptions::default();
        let _ = super::super::opening::declared(body.as_bytes(), &mut options.csv);
        detect(body.as_bytes(), true, &mut options, Delimiter::COMMA);
        assert_eq!(options.query(), query, "{body}");
    }
}

#[test]
fn the_encoding_is_that_in_which_the_bytes_are_usual() {
    let text = "name,ort\nMüller,Köln\nGröß,Nürnberg\nJosé,Málaga\n";
    assert_eq!(found(text.as_bytes()), "");
    let latin = encoding_rs::WINDOWS_1252.encode(text).0;
    assert_eq!(found(&latin), "csv.encoding=windows-1252");
}

#[test]
fn a_header_that_begins_as_a_comment_is_a_header() {
    // It has a name for the cell that its rows leave out.
    assert!(!found(b"#id,name,note\n1,a\n2,b\n3,c\n4,d\n").contains("comment"));
    assert!(!found(b"#id,name\n1,a\n2,b\n3,c\n").contains("comment"));
    assert!(found(b"# made by hand\nid,name\n1,a\n2,b\n3,c\n").contains("csv.comment=%23"));
    assert!(
        found(b"id,name\n1,a\n# a, note, of three\n# and, of four, more, cells\n2,b\n").contains("csv.comment=%23")
    );
}

#[test]
fn what_the_call_says_is_not_questioned() {
    let mut options = ReadOptions::default();
    options.set("csv.delimiter", ",").unwrap();
    options.set("csv.header", "present").unwrap();
    options.set("csv.skip", "0").unwrap();
    assert_eq!(detect(b"1;2\n3;4\n5;6\n", true, &mut options, Delimiter::COMMA), []);
}

#[test]
fn a_table_of_a_row_or_several_tables_are_not_certain() {
    for body in ["a;b\n1;2\n", "a;b\n1;2\n3;4\n\nx;y;z\n1;2;3\n4;5;6\n7;8;9\n"] {
        let findings = detect(body.as_bytes(), true, &mut ReadOptions::default(), Delimiter::COMMA);
        let delimiter = findings.iter().find(|finding| finding.option == "csv.delimiter").unwrap();
        assert!(delimiter.confidence < HIGH_CONFIDENCE && delimiter.detail.contains("not certain"), "{findings:?}");
    }
}

#[test]
fn any_beginning_is_looked_at_in_bounded_time() {
    for body in
        ["\"".repeat(300_000), "a,".repeat(150_000), "#\n".repeat(100_000), "\0".repeat(1_000), "'\\\"".repeat(9_000)]
    {
        detect(body.as_bytes(), false, &mut ReadOptions::default(), Delimiter::COMMA);
    }
}

#[test]
fn one_column_in_quotes_is_one_however_long_it_is() {
    let row = "\"Jan 31, 2024; 08:15\"\n";
    for rows in [2, 20_000] {
        let body = format!("at\n{}", row.repeat(rows));
        // Whole, and cut off within a cell.
        for (beginning, is_whole) in [(&body[..], true), (&body[..body.len() - 5], false)] {
            let mut options = ReadOptions::default();
            detect(beginning.as_bytes(), is_whole, &mut options, Delimiter::COMMA);
            assert_eq!(options.query(), "", "{rows} {is_whole}");
        }
    }
}
