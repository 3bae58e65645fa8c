//! CSV of any dialect, documents and forms, from inference to what is stored.

use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp};

const BULK: &str = "/api/v1/records/s/bulk";

/// A server with a schema of two texts.
async fn texts() -> TestApp {
    let app = TestApp::start();
    let schema = json!({"name": "s", "properties": [{"name": "a", "type": "string"}, {"name": "b", "type": "string"}]});
    assert_eq!(app.post("/api/v1/schemas", &schema).await.status, 201);
    app
}

async fn stored(app: &TestApp) -> Vec<Json> {
    let answer = app.get("/api/v1/records/s/stream?fields=a,b").await;
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The text of a form, of fields and a file.
fn form(fields: &[(&str, &str)], file: (&str, &str, &str), behind: &str) -> String {
    let fields = fields
        .iter()
        .map(|(name, value)| format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    let (name, media_type, body) = file;
    let media_type = if media_type.is_empty() { String::new() } else { format!("Content-Type: {media_type}\r\n") };
    format!(
        "{}--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n{media_type}\r\n{body}\r\n{behind}--XX--\r\n",
        fields.collect::<String>()
    )
}

async fn send_form(app: &TestApp, query: &str, text: String) -> Answer {
    app.post_text(&format!("{BULK}{query}"), "multipart/form-data; boundary=XX", text).await
}

#[tokio::test]
async fn options_come_from_the_query_and_the_media_type() {
    for (query, media_type, body) in [
        ("?csv.delimiter=%3B", "text/csv", &b"a;b\n1;\xc3\xa9\n"[..]),
        ("", "text/csv; delimiter=\";\"; charset=windows-1252", b"a;b\n1;\xe9\n"),
        ("?csv.encoding=cp1252", "text/csv; charset=\"latin1\"; header=absent", b"1,\xe9\n"),
        ("?columns=b,a", "text/csv; header=absent", b"\xc3\xa9,1\n"),
        ("", "text/tab-separated-values", b"b\ta\n\xc3\xa9\t1\n"),
        ("?csv.encoding=utf-16be", "text/csv", b"\0a\0,\0b\0\n\x001\0,\0\xe9\0\n"),
        ("", "text/csv", b"sep=;\r\na;b\r\n1;\xc3\xa9"),
        ("?csv.skip=1&csv.comment=%23", "text/csv", b"title\n#x\na,b\n1,\xc3\xa9\n"),
        ("", "application/ndjson", b"{\"a\":\"1\",\"b\":\"\xc3\xa9\"}\r\n"),
        ("", "application/x-jsonlines", b"{\"a\":\"1\",\"b\":\"\xc3\xa9\"}\n"),
        ("", "application/json", b" {\"a\":\"1\",\"b\":\"\xc3\xa9\"} "),
        ("?records_at=/data", "application/json", b"{\"n\":1,\"data\":[{\"a\":\"1\",\"b\":\"\xc3\xa9\"}]}"),
    ] {
        let app = texts().await;
        let answer = app.post_text(&format!("{BULK}{query}"), media_type, body.to_vec()).await;
        assert_eq!(answer.status, 201, "{query} {media_type}: {}", answer.text);
        assert_eq!(stored(&app).await, [json!({"a": "1", "b": "é"})], "{query} {media_type}");
    }
}

#[tokio::test]
async fn options_that_contradict_or_are_not_had_are_refused() {
    let app = texts().await;
    for (query, media_type, status, said) in [
        ("?csv.encoding=utf-8", "text/csv; charset=windows-1252", 400, "csv.encoding"),
        ("?csv.header=present", "text/csv; header=absent", 400, "csv.header"),
        ("?csv.delimiter=%3B", "text/tab-separated-values", 400, "csv.delimiter"),
        ("?csv.delimiter=%3B", "application/x-ndjson", 400, "csv.delimiter"),
        ("?records_at=/a", "text/csv", 400, "records_at"),
        ("?records_at=/a", "application/x-ndjson", 400, "records_at"),
        ("?columns=a,b", "text/csv", 400, "columns"),
        ("?csv.delimiter=", "text/csv", 400, "csv.delimiter"),
        ("?csv.delimeter=%3B", "text/csv", 400, "csv.delimiter"),
        ("", "text/csv; charset=klingon", 415, "klingon"),
    ] {
        let answer = app.post_text(&format!("{BULK}{query}"), media_type, "a,b\n1,2\n").await;
        assert_eq!(answer.problem().0, status, "{query} {media_type}: {}", answer.text);
        assert!(answer.detail().contains(said), "{}", answer.detail());
    }
    assert_eq!(stored(&app).await, Vec::<Json>::new());
}

#[tokio::test]
async fn a_call_without_options_names_the_one_that_it_lacks() {
    let app = texts().await;
    let answer = app.post_text(BULK, "text/csv", "a;b\n1;2\n").await;
    assert_eq!(answer.problem(), (400, "malformed_request".to_owned()));
    assert!(answer.detail().contains("csv.delimiter=%3B"), "{}", answer.detail());
}

#[tokio::test]
async fn what_inference_answers_stores_the_same_body() {
    let german = "Name;Preis;Ort\r\nApfel;1,50;Köln\r\nBirne;12,25;Nürnberg\r\nÜbel;0,5;\r\n";
    let latin = german.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    let utf16: Vec<u8> = german.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (media_type, body, properties) in [
        ("text/csv", german.as_bytes().to_vec(), "Name:string Preis:number Ort:string"),
        ("text/csv", latin, "Name:string Preis:number Ort:string"),
        ("text/csv", utf16, "Name:string Preis:number Ort:string"),
        ("text/csv", b"Report\n\nx,y\n1,2\n3,4\n5,6\n7,8\n".to_vec(), "x:integer y:integer"),
        ("text/csv", b"1,UA\n2,AA\n3,DL\n".to_vec(), "column_1:integer column_2:string"),
        ("text/csv", b"a|b\r1|2\r3|4\r".to_vec(), "a:integer b:integer"),
        ("application/json", b"{\"type\":\"x\",\"features\":[{\"a\":1},{\"a\":2}]}".to_vec(), "a:integer"),
        ("application/json", b"{\"a\":1}{\"a\":2}".to_vec(), "a:integer"),
    ] {
        let app = TestApp::start();
        let proposal = app.post_text("/api/v1/schemas/infer?name=s", media_type, body.clone()).await.json();
        let found: Vec<String> = proposal["schema"]["properties"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| format!("{}:{}", p["name"].as_str().unwrap(), p["type"].as_str().unwrap()))
            .collect();
        assert_eq!(found.join(" "), properties, "{proposal}");
        assert_eq!(app.post("/api/v1/schemas", &proposal["schema"]).await.status, 201, "{proposal}");
        let query = proposal["query"].as_str().unwrap();
        let answer = app.post_text(&format!("{BULK}?{query}"), media_type, body).await;
        assert_eq!(answer.status, 201, "{proposal} {}", answer.text);
        assert_eq!(answer.json()["created"], proposal["records"]);
    }
}

#[tokio::test]
async fn a_file_of_a_form_is_stored_as_its_type_or_name_says() {
    for (fields, file) in [
        (&[][..], ("x.csv", "text/csv", "a,b\n1,2\n")),
        (&[("csv.delimiter", ";"), ("mode", "partial")], ("x.csv", "text/csv", "a;b\n1;2\n")),
        (&[("csv.delimiter", ";")], ("X.CSV", "application/vnd.ms-excel", "a;b\n1;2\n")),
        (&[], ("x.tsv", "", "a\tb\n1\t2\n")),
        (&[], ("x", "text/csv; header=absent", "1,2\n")),
        (&[("return", "ids")], ("x.ndjson", "application/octet-stream", "{\"a\":\"1\",\"b\":\"2\"}\n")),
    ] {
        let app = texts().await;
        let answer = send_form(&app, "", form(fields, file, "")).await;
        assert_eq!(answer.status, 201, "{file:?}: {}", answer.text);
        assert_eq!(stored(&app).await, [json!({"a": "1", "b": "2"})]);
    }
}

#[tokio::test]
async fn a_form_that_cannot_be_stored_stores_nothing() {
    let app = texts().await;
    let csv = ("x.csv", "text/csv", "a,b\n1,2\n");
    let field =
        |name: &str, value: &str| format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let many: String = (0..70).map(|_| field("x", "")).collect();
    for (query, text, status) in [
        ("", form(&[("nothing", "x")], csv, ""), 400),
        ("", form(&[("csv.delimiter", "")], csv, ""), 400),
        ("?mode=atomic", form(&[("mode", "partial")], csv, ""), 400),
        ("", form(&[("mode", &"x".repeat(5_000))], csv, ""), 400),
        ("", form(&[], ("x.exe", "application/octet-stream", "a"), ""), 415),
        ("", form(&[], csv, &field("mode", "partial")), 400),
        ("", format!("{}--XX--\r\n", field("mode", "partial")), 400),
        ("", format!("{many}--XX--\r\n"), 400),
        ("", "no form".to_owned(), 400),
        ("", form(&[], csv, "").replace("--XX--", ""), 400),
    ] {
        let answer = send_form(&app, query, text.clone()).await;
        assert_eq!(answer.problem().0, status, "{text}: {}", answer.text);
        assert_eq!(stored(&app).await, Vec::<Json>::new(), "{text}");
    }
    let answer = app.post_text(BULK, "multipart/form-data", "--XX--").await;
    assert_eq!(answer.problem().0, 400, "there is no boundary: {}", answer.text);
}

#[tokio::test]
async fn a_file_of_a_form_is_not_held() {
    let app = texts().await;
    let lines = "1,some text that is longer than a few letters\n".repeat(60_000);
    let text = form(&[("mode", "partial")], ("x.csv", "text/csv", &format!("a,b\n{lines}")), "");
    let answer = send_form(&app, "", text).await;
    assert_eq!((answer.status, answer.json()["created"].as_u64()), (201, Some(60_000)), "{}", answer.text);
}

#[tokio::test]
async fn brotli_is_refused_by_name() {
    let app = texts().await;
    let request = app.request("POST", BULK).header("content-type", "text/csv").header("content-encoding", "br");
    let answer = app.send(request.body("x")).await;
    assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()));
    for said in ["`br`", "gzip", "zstd"] {
        assert!(answer.detail().contains(said), "{}", answer.detail());
    }
}

#[tokio::test]
async fn what_goes_out_as_tab_separated_values_comes_in() {
    let app = texts().await;
    let lines = "{\"a\":\"x\\ty\",\"b\":\"\"}\n{\"a\":null,\"b\":\"1,5\"}\n";
    assert_eq!(app.post_text(BULK, "application/x-ndjson", lines).await.status, 201);
    let written = app.get("/api/v1/records/s/stream?fields=a,b&format=tsv").await;
    assert_eq!(written.header("content-type"), "text/tab-separated-values; charset=utf-8; header=present");
    assert_eq!(written.text, "a\tb\r\n\"x\ty\"\t\"\"\r\n\t1,5\r\n");
    assert_eq!(app.post_text(BULK, "text/tab-separated-values", written.text).await.status, 201);
    let records = stored(&app).await;
    assert_eq!(records[..2], records[2..]);
}
