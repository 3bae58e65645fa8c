//! Schemas proposed from bodies of every format, and the evidence for them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, Decimal128Array, DurationSecondArray, Float64Array, Int32Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMillisecondArray, UInt64Array, UnionArray,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType as ArrowType, Field, Schema as ArrowSchema, SchemaRef, UnionFields};
use eider_domain::{MAX_PROPERTIES, NameRuleError, Schema, SchemaDefinition, SchemaName, Timestamp};
use eider_formats::{ReadLimits, RecordReader, SCHEMA_KEY, Sample, Spooling, with_schema};
use serde_json::{Value as Json, json};

use super::*;
use crate::Error;
use crate::ingest::BodyFormat;

fn propose(format: BodyFormat, body: &[u8], options: &InferenceOptions) -> Result<Proposal, Error> {
    let reading = options.reading.clone();
    let mut sample = Sample::new(format, reading, ReadLimits::default(), Spooling::default(), options.sample);
    for piece in body.chunks(1000) {
        if !sample.is_full() {
            sample.push(piece)?;
        }
    }
    if !sample.is_full() {
        sample.end()?;
    }
    let (survey, reading, findings) = sample.into_parts();
    Proposal::of(&survey, &findings, reading, options)
}

fn of(format: BodyFormat, body: &str) -> Proposal {
    propose(format, body.as_bytes(), &InferenceOptions::default()).unwrap()
}

fn lines(records: &[Json]) -> String {
    records.iter().map(Json::to_string).collect::<Vec<_>>().join("\n")
}

fn ndjson(records: &[Json]) -> Proposal {
    of(BodyFormat::Ndjson, &lines(records))
}

/// The properties as `name type` with what else is asked of them.
fn properties(proposal: &Proposal) -> Vec<String> {
    let shown = |property: &Json| {
        let mut text = format!("{} {}", property["name"].as_str().unwrap(), property["type"].as_str().unwrap());
        for key in ["precision", "scale", "required", "is_unique", "constraints"] {
            if let Some(value) = property.get(key) {
                write!(text, " {key}={value}").unwrap();
            }
        }
        text
    };
    proposal.schema["properties"].as_array().unwrap().iter().map(shown).collect()
}

/// The aliases of each property.
fn aliases(proposal: &Proposal) -> Vec<Vec<String>> {
    let aliases = |property: &Json| {
        let aliases = property.get("aliases").and_then(Json::as_array).into_iter().flatten();
        aliases.map(|alias| alias.as_str().unwrap().to_owned()).collect()
    };
    proposal.schema["properties"].as_array().unwrap().iter().map(aliases).collect()
}

/// The evidence as `property choice broken_by [lines]`.
fn evidence(proposal: &Proposal) -> Vec<String> {
    let shown = |found: &Evidence| {
        let property = found.property.as_deref().unwrap_or("-");
        format!("{property} {} {} {:?}", found.choice.name(), found.broken_by, found.lines)
    };
    proposal.evidence.iter().map(shown).collect()
}

#[test]
fn values_of_json_lead_to_the_strictest_type_that_takes_all() {
    let record = |n: u64| {
        json!({"n": n % 5, "x": if n == 7 { json!(0.5) } else { json!(n % 5) }, "flag": true, "day": "2024-02-29",
            "time": "08:15:00", "at": "2024-02-29T08:15:00Z", "code": "01890a5d-ac96-774b-bcce-b302099a8057",
            "object": {"a": [1]}, "list": [{}], "text": "2024-02-30"})
    };
    let proposal = ndjson(&(0..10).map(record).collect::<Vec<_>>());
    let expected = [
        "n integer required=true",
        "x number required=true",
        "flag boolean required=true",
        "day date required=true",
        "time time required=true",
        "at datetime required=true",
        "code uuid required=true",
        "object object required=true",
        "list array required=true",
        "text string required=true",
    ];
    assert_eq!(properties(&proposal), expected);
    assert_eq!((proposal.records, &proposal.schema["name"]), (10, &json!("records")));
    assert_eq!(evidence(&proposal), ["x integer 1 [8]", "text enum 0 []"]);
    assert_eq!(proposal.evidence[0].detail, "1 of 10 values are no `integer`, so `number` was chosen");
    assert_eq!(proposal.evidence[1].values, ["2024-02-30"]);
}

#[test]
fn what_a_record_lacks_is_not_required() {
    let records = [
        json!({"a": 1, "b": 1}),
        json!({"a": 1}),
        json!({"a": 1, "b": null, "c": "x"}),
        json!({"B": 2, "a": 1}),
        json!({"a": 1, "b": 1}),
    ];
    let proposal = ndjson(&records);
    assert_eq!(properties(&proposal), ["a integer required=true", "b integer", "c string"]);
    assert_eq!(evidence(&proposal), ["b required 2 [2, 3]"], "most lack `c`");
}

#[test]
fn whole_numbers_beyond_64_bits_are_decimals_and_mixed_values_are_texts() {
    let records =
        [json!({"a": u64::MAX, "b": 1}), json!({"a": 1, "b": "x"}), json!({"a": 1, "b": 2}), json!({"a": 2, "b": 2})];
    let proposal = ndjson(&records);
    assert_eq!(properties(&proposal), ["a decimal precision=38 scale=0 required=true", "b string required=true"]);
    assert_eq!(evidence(&proposal), ["a integer 1 [1]", "a number 1 [1]", "b stringify 1 [2]"]);
    assert_eq!(
        proposal.evidence[1].detail,
        "1 of 4 values would be rounded as `number`, so `decimal(38,0)` was chosen"
    );
    assert_eq!(
        proposal.evidence[2].detail,
        "1 of 4 values are no `integer`, and no type takes all; those that are no texts are kept as their JSON"
    );
}

#[test]
fn every_digit_of_a_number_is_kept_or_the_evidence_says_that_it_is_not() {
    let long = "1".repeat(50);
    for (values, of_json, of_csv) in [
        (
            ["12345678901234567890", "98765432109876543210"],
            "decimal precision=38 scale=0",
            "decimal precision=38 scale=0",
        ),
        (["0.12345678901234567890123", "1.5"], "decimal precision=38 scale=23", "decimal precision=38 scale=23"),
        (["9007199254740993", "0.5"], "decimal precision=38 scale=1", "decimal precision=38 scale=1"),
        (["12.50", "0.1"], "number", "number"),
        (["1.000000000000000056e-01", "2"], "number", "number"),
        (["100000000000000000000", "1E5"], "number", "number"),
        ([long.as_str(), "2"], "string", "string"),
        (["12345678901234567890", "1e-30"], "string", "string"),
        (["1e-400", "2"], "string", "string"),
    ] {
        let [first, second] = values;
        let json = of(BodyFormat::Ndjson, &format!("{{\"a\":{first}}}\n{{\"a\":{second}}}"));
        let csv = of(BodyFormat::Csv, &format!("a,b\n{first},\n{second},\n"));
        assert_eq!(properties(&json), [format!("a {of_json} required=true")], "{values:?}");
        assert_eq!(properties(&csv)[0], format!("a {of_csv} required=true"), "{values:?}");
        for (proposal, chosen) in [(json, of_json), (csv, of_csv)] {
            let is_of_digits = |text: &str| text.contains("rounded") || text.contains("more digits");
            let is_told = proposal.evidence.iter().any(|found| is_of_digits(&found.detail));
            let is_double = chosen == "number" && of_csv == "number";
            assert_eq!(is_told, !is_double, "{values:?}");
        }
    }
    let whole = of(BodyFormat::Ndjson, &format!("{{\"a\":{long}}}"));
    assert_eq!((properties(&whole).join(""), whole.evidence.len()), ("a string required=true".to_owned(), 1));
    let ids = of(BodyFormat::Csv, "id,b\n12345678901234567890,\n12345678901234567891,\n");
    assert!(properties(&ids)[0].ends_with("required=true is_unique=true"), "{:?}", properties(&ids));
}

#[test]
fn records_that_no_schema_takes_are_named_and_not_looked_at() {
    let body = "{\"a\":1}\nnot json\n[]\n{\"a\":1,\"a\":2}\n\n{\"a\":1e400}\n{\"a\":\"\\ud800\"}\n{\"a\":2}\n\
                {\"a\":1,\"b\":{\"c\":1,\"c\":2}}\n{\"b\":[1e400]}";
    let proposal = of(BodyFormat::Ndjson, body);
    assert_eq!(properties(&proposal), ["a integer required=true"]);
    assert_eq!(evidence(&proposal), ["- readable 7 [2, 3, 4, 6, 7]", "a is_unique 0 []"]);
    assert_eq!(proposal.records, 9);
}

#[test]
fn cells_of_csv_are_what_a_bulk_call_would_take_them_for() {
    let body = "n,x,flag,day,zip,na,note,empty,json\r\n\
                1,0.5,true,2024-02-29,01234,1,\"\",,\"{\"\"a\"\":1}\"\r\n\
                -2,1e3,false,2024-03-01,90210,NA,a,,{}\r\n\
                3,7,true,\"2024-03-02\",10001,3,\"b,c\",,\"{ }\"\r\n\
                \"\",8,true,2024-03-03,10002,4,d,,{}\r\n";
    let proposal = of(BodyFormat::Csv, body);
    let expected = [
        "n integer",
        "x number required=true",
        "flag boolean required=true",
        "day date required=true",
        "zip string required=true",
        "na integer",
        "note string required=true",
        "empty string",
        "json object required=true",
    ];
    assert_eq!(properties(&proposal), expected);
    let of = |name: &str| -> Vec<String> {
        evidence(&proposal).into_iter().filter(|found| found.starts_with(&format!("{name} "))).collect()
    };
    assert_eq!(of("n")[0], "n required 1 [5]");
    assert_eq!(of("x")[0], "x integer 2 [2, 3]");
    assert_eq!(of("zip")[0], "zip integer 1 [2]");
    assert_eq!(of("na")[0], "na null_tokens 0 []");
    assert_eq!(of("empty"), ["empty string 0 []"]);
    let cut = InferenceOptions { sample: Some(1), ..InferenceOptions::default() };
    let first = propose(BodyFormat::Csv, body.as_bytes(), &cut).unwrap();
    assert_eq!((first.records, properties(&first)[5].as_str()), (1, "na integer required=true"));
}

#[test]
fn a_body_of_another_form_is_refused() {
    for (format, body, detail) in [
        (BodyFormat::Csv, "", "the body is empty; expected a CSV header row"),
        (BodyFormat::Csv, "{}", "the body has no records"),
        (
            BodyFormat::Csv,
            "a\n\"x\n",
            "the quotes of the record that begins on line 2 are not closed by the end of the body, line 3",
        ),
        (BodyFormat::JsonArray, "7", "expected a JSON array of records, at byte 0"),
        (BodyFormat::ArrowStream, "", "the body is empty; expected an Arrow IPC stream"),
        (BodyFormat::Parquet, "PAR1", "the body is not a Parquet file"),
    ] {
        let error = propose(format, body.as_bytes(), &InferenceOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), detail, "{format:?}");
    }
    for empty in ["", "{}"] {
        let nothing = propose(BodyFormat::Ndjson, empty.as_bytes(), &InferenceOptions::default());
        assert!(matches!(nothing, Err(Error::SchemaInvalid(_))), "{nothing:?}");
    }
    let wide = (0..=MAX_PROPERTIES + 1).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    let error = propose(BodyFormat::Csv, wide.as_bytes(), &InferenceOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "there are more than 10000 names, of which no schema has properties");
}

#[test]
fn what_follows_the_sample_is_not_read() {
    let body = format!("{{\"a\":1}}\n{{\"a\":2}}\n{}", "no json\n".repeat(1000));
    let options = InferenceOptions { sample: Some(2), ..InferenceOptions::default() };
    let proposal = propose(BodyFormat::Ndjson, body.as_bytes(), &options).unwrap();
    assert_eq!((proposal.records, evidence(&proposal)), (2, vec!["a is_unique 0 []".to_owned()]));
}

#[test]
fn an_id_is_that_of_the_record_if_it_is_a_uuid_and_else_a_key() {
    let record = |n: u32| json!({"id": format!("01890a5d-ac96-774b-bcce-{n:012}"), "version": n, "Dep Time": 1});
    let proposal = ndjson(&(0..4).map(record).collect::<Vec<_>>());
    assert_eq!(properties(&proposal), ["source_version integer required=true", "Dep Time integer required=true"]);
    assert_eq!(aliases(&proposal), [&["version"][..], &[]]);
    let expected = ["id record_id 0 []", "source_version renamed 0 []", "source_version is_unique 0 []"];
    assert_eq!(evidence(&proposal), expected);
    assert_eq!(proposal.evidence[1].from.as_deref(), Some("version"));
    assert_eq!(proposal.evidence[1].detail, "`version` is reserved; the name in the source is an alias");

    let shared = ndjson(&[json!({"id": uuid::Uuid::nil()}), json!({"id": uuid::Uuid::nil()})]);
    assert_eq!(properties(&shared), ["source_id uuid required=true"], "two records cannot have one id");
    let called = ndjson(&[json!({"ID": uuid::Uuid::nil(), "id": uuid::Uuid::max()})]);
    assert_eq!(
        (properties(&called), aliases(&called)),
        (vec!["source_ID uuid required=true".to_owned()], vec![vec!["ID".to_owned()]])
    );

    let numbered = ndjson(&[json!({"ID": 1}), json!({"ID": 2})]);
    assert_eq!(properties(&numbered), ["source_ID integer required=true is_unique=true"]);
    assert!(numbered.evidence[1].detail.contains("so it is a key"), "{:?}", numbered.evidence);
    let repeated = ndjson(&[json!({"id": 1}), json!({"id": 1})]);
    assert_eq!(properties(&repeated), ["source_id integer required=true"]);
}

#[test]
fn names_that_no_property_can_have_are_aliases() {
    let long = "x".repeat(200);
    let body = format!("a,A,a,,,\"b\nc\",{long},名前\n1,2,3,4,5,6,7,8\n");
    let proposal = of(BodyFormat::Csv, &body);
    let names: Vec<String> =
        properties(&proposal).iter().map(|property| property.split(" integer").next().unwrap().to_owned()).collect();
    assert_eq!(names, ["a", "A_2", "a[2]", "property_4", "property_5", "b_c", &"x".repeat(128), "名前"]);
    assert_eq!(aliases(&proposal), [&[][..], &["A"], &[], &[""], &["[2]"], &["b\nc"], &[long.as_str()], &[]]);
}

#[test]
fn keys_that_differ_in_case_alone_are_one_property_unless_a_record_has_both() {
    let mixed = ndjson(&[json!({"a": 1}), json!({"A": "x"}), json!({"a": 1, "b": 1}), json!({"A": 1, "B": 1})]);
    assert_eq!(properties(&mixed), ["a string required=true", "b integer"]);
    assert_eq!(evidence(&mixed), ["a stringify 1 [2]", "b required 2 [1, 2]"]);
    let both = ndjson(&[json!({"a": 1}), json!({"a": 2, "A": 3}), json!({"A": 3})]);
    assert_eq!(properties(&both), ["a integer", "A_2 integer"]);
    assert_eq!(aliases(&both), [&[][..], &["A"]]);
}

#[test]
fn texts_that_come_again_and_again_may_be_an_enumeration_and_others_a_key() {
    let record = |n: usize| json!({"origin": (["EWR", "JFK", "LGA"][n % 3]), "tail": format!("N{}", n.min(198))});
    let records: Vec<Json> = (0..200).map(record).collect();
    let proposal = ndjson(&records);
    assert_eq!(evidence(&proposal), ["origin enum 0 []", "tail is_unique 1 [200]"]);
    assert_eq!(properties(&proposal), ["origin string required=true", "tail string required=true"]);
    let options = InferenceOptions { sets_enums: true, ..InferenceOptions::default() };
    let proposal = propose(BodyFormat::Ndjson, lines(&records).as_bytes(), &options).unwrap();
    assert_eq!(
        properties(&proposal)[0],
        "origin string required=true constraints={\"enum\":[\"EWR\",\"JFK\",\"LGA\"]}"
    );
}

fn arrow(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn columns_are_what_their_types_say_as_far_as_their_values_allow() {
    let fares = Decimal128Array::from(vec![Some(1250), None, Some(1)]).with_precision_and_scale(10, 2).unwrap();
    let mut days = StringDictionaryBuilder::<Int32Type>::new();
    for day in ["2024-02-29", "2024-03-01", "2024-02-29"] {
        days.append_value(day);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(Int32Array::from(vec![1, 2, 2]))),
        ("large", Arc::new(UInt64Array::from(vec![1, u64::MAX, 1]))),
        ("x", Arc::new(Float64Array::from(vec![1.0, f64::NAN, 1.0]))),
        ("fare", Arc::new(fares)),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![0, 1, 1]))),
        ("day", Arc::new(days.finish())),
        ("text", Arc::new(StringArray::from(vec!["{}", "[]", "[]"]))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
            .unwrap();
    for (format, body) in [(BodyFormat::ArrowStream, arrow(&batch)), (BodyFormat::Parquet, parquet(&batch))] {
        let proposal = propose(format, &body, &InferenceOptions::default()).unwrap();
        let expected = [
            "n integer required=true",
            "large decimal precision=20 scale=0 required=true",
            "x number required=true",
            "fare decimal precision=10 scale=2",
            "at datetime required=true",
            "day date required=true",
            "text string required=true",
        ];
        assert_eq!(properties(&proposal), expected, "{format:?}");
        let expected =
            ["large integer 1 [2]", "x number 1 [2]", "fare required 1 [2]", "fare is_unique 0 []", "text array 1 [1]"];
        assert_eq!(evidence(&proposal), expected, "{format:?}");
        let first = InferenceOptions { sample: Some(1), ..InferenceOptions::default() };
        let first = propose(format, &body, &first).unwrap();
        assert_eq!((first.records, properties(&first)[1].as_str()), (1, "large integer required=true"));
    }
}

#[test]
fn nested_columns_are_objects_and_arrays_and_the_evidence_says_so() {
    let inner: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let nested = StructArray::from(vec![(Arc::new(Field::new("a", ArrowType::Int32, true)), inner)]);
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("nested", Arc::new(nested)),
        ("list", Arc::new(lists)),
        ("bytes", Arc::new(BinaryArray::from(vec![&b"x"[..]]))),
        ("span", Arc::new(DurationSecondArray::from(vec![1]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    for (format, body) in [(BodyFormat::ArrowStream, arrow(&batch)), (BodyFormat::Parquet, parquet(&batch))] {
        let proposal = propose(format, &body, &InferenceOptions::default()).unwrap();
        let expected = ["nested object", "list array", "bytes string", "span integer"];
        assert_eq!(properties(&proposal), expected.map(|property| format!("{property} required=true")), "{format:?}");
        let converted: Vec<&str> =
            proposal.evidence.iter().filter(|f| f.choice == Choice::Converted).map(|f| f.detail.as_str()).collect();
        assert_eq!(converted.len(), 4, "{converted:?}");
        assert!(converted[0].ends_with("which become JSON") && converted[2].ends_with("which become base64"));
        assert!(converted[3].contains("Duration(s) in the source, which become counts"), "{}", converted[3]);
    }
}

/// The files are described in `tests/corpus/make.py` of `eider-formats`.
#[test]
fn files_of_common_writers_go_in_by_what_is_proposed() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/corpus");
    let mut files = 0;
    for file in fs::read_dir(corpus).unwrap() {
        let path = file.unwrap().path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let Some(format) = ending.and_then(BodyFormat::of_ending) else { continue };
        let body = fs::read(&path).unwrap();
        let proposal = propose(format, &body, &InferenceOptions::default()).unwrap();
        let definition = SchemaDefinition::parse(&proposal.schema).unwrap();
        let schema = Arc::new(Schema::new(definition, 1, Timestamp::from_micros(0)));
        let mut reader = RecordReader::new(format, schema, ReadLimits::default(), Spooling::default());
        let mut chunks = reader.cut(&body).unwrap();
        chunks.extend(reader.end().unwrap());
        let decoded: Vec<_> = chunks.into_iter().map(|chunk| chunk.decode().unwrap()).collect();
        assert!(decoded.iter().all(|decoded| decoded.failures.is_empty()), "{}", path.display());
        assert_eq!(decoded.iter().map(|decoded| decoded.lines.len()).sum::<usize>(), 3, "{}", path.display());
        files += 1;
    }
    assert_eq!(files, 15, "fourteen of columns, and the records as NDJSON");
}

#[test]
fn a_schema_that_the_source_carries_is_proposed_where_its_columns_fit() {
    let definition = json!({"name": "flights", "properties": [
        {"name": "carrier", "type": "string", "required": true, "is_indexed": true, "constraints": {"max_length": 2}},
        {"name": "info", "type": "object"}]});
    let definition = SchemaDefinition::parse(&definition).unwrap();
    let schema = Arc::new(Schema::new(definition.clone(), 1, Timestamp::from_micros(0)));
    let whole = with_schema(schema.arrow(), &schema);
    let written = |columns: &SchemaRef, format: BodyFormat| {
        let mut writer = format.writer(columns).unwrap();
        let mut body = Vec::new();
        writer.begin(&mut body).unwrap();
        writer.batch(&RecordBatch::new_empty(Arc::clone(columns)), &mut body).unwrap();
        writer.end(&mut body).unwrap();
        body
    };
    for format in [BodyFormat::ArrowStream, BodyFormat::Parquet] {
        let proposal = propose(format, &written(&whole, format), &InferenceOptions::default()).unwrap();
        assert_eq!(proposal.schema, definition.to_json(), "{format:?}");
        assert_eq!(proposal.evidence[0].detail, "the source carries the schema `flights`, which its columns fit");
        let renamed = InferenceOptions { name: Some(SchemaName::parse("other").unwrap()), ..Default::default() };
        assert_eq!(propose(format, &written(&whole, format), &renamed).unwrap().schema["name"], "other");

        let asked = |id_from: &str| InferenceOptions { id_from: Some(id_from.to_owned()), ..Default::default() };
        assert_eq!(propose(format, &written(&whole, format), &asked("carrier")).unwrap().schema["id_from"], "carrier");
        let error = propose(format, &written(&whole, format), &asked("airline")).unwrap_err();
        assert!(matches!(error, Error::NameRuleInvalid(NameRuleError::NotAnIdSource(_))), "{error}");

        // What its writer did not write: another type, a column less, no definition at all, one that is too long.
        let number = Field::new("carrier", ArrowType::Float64, true);
        let less: Vec<usize> = vec![4];
        let of_text = |text: String| HashMap::from([(SCHEMA_KEY.to_owned(), text)]);
        let carried = |text: &str| whole.as_ref().clone().with_metadata(of_text(text.to_owned()));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for (columns, reason) in [
            (ArrowSchema::new_with_metadata(vec![number], whole.metadata().clone()), "the column `carrier` is of"),
            (whole.project(&less).unwrap(), "there is no column for its property `info`"),
            (carried("{}"), "at `/name`"),
            (carried("{"), "it is not JSON"),
            (carried(&deep), "it is not JSON"),
            (carried(&" ".repeat((4 << 20) + 1)), "it has more than 4194304 bytes"),
        ] {
            let proposal = propose(format, &written(&Arc::new(columns), format), &InferenceOptions::default()).unwrap();
            let detail = &proposal.evidence[0].detail;
            assert!(detail.starts_with("the source carries a schema, which was passed over: "), "{detail}");
            assert!(detail.contains(reason), "{detail}");
        }
    }
    let part = with_schema(&Arc::new(schema.arrow().project(&[0, 4]).unwrap()), &schema);
    assert!(part.metadata().is_empty(), "it would promise columns that are not there");
}

#[test]
fn columns_that_no_property_takes_are_named() {
    let children: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![1])), Arc::new(UInt64Array::from(vec![1]))];
    let fields = children.iter().zip(["small", "large"]);
    let fields = fields.map(|(child, name)| Arc::new(Field::new(name, child.data_type().clone(), true)));
    let fields: UnionFields = [0, 1].into_iter().zip(fields).collect();
    let union = UnionArray::try_new(fields, vec![0].into(), None, children).unwrap();
    let batch = RecordBatch::try_from_iter([("either", Arc::new(union) as ArrayRef)]).unwrap();
    let error = propose(BodyFormat::ArrowStream, &arrow(&batch), &InferenceOptions::default()).unwrap_err();
    let expected = "the column `either` holds a union whose variants `small` and `large` look alike in JSON";
    assert_eq!(error.to_string(), expected);
}

/// What the property of a column of texts says besides its name and whether it is required.
fn property_of(format: BodyFormat, values: &[&str]) -> (Json, Vec<String>) {
    let body = match format {
        BodyFormat::Csv => {
            format!("a\n\"{}\"\n", values.join("\"\n\""))
        }
        _ => lines(&values.iter().map(|value| json!({"a": value})).collect::<Vec<_>>()),
    };
    let proposal = of(format, &body);
    let mut property = proposal.schema["properties"][0].clone();
    for key in ["name", "required"] {
        property.as_object_mut().unwrap().remove(key);
    }
    (property, evidence(&proposal))
}

#[test]
fn how_texts_are_written_is_proposed_where_a_type_needs_it() {
    let string = json!({"type": "string"});
    for (values, expected) in [
        (
            &["31.01.2024", "1.2.2024", "NA"][..],
            json!({"type": "date", "formats": ["%d.%m.%Y"], "null_tokens": ["NA"]}),
        ),
        (&[" 31.01.2024", "01.02.2024"], json!({"type": "date", "formats": ["%d.%m.%Y"], "trim": true})),
        (&["31.01.24", "01.02.24"], json!({"type": "date", "formats": ["%d.%m.%y"]})),
        (&["13/01/2024", "01/02/2024"], json!({"type": "date", "formats": ["%d/%m/%Y"]})),
        (&["Jan 31, 2024", "Feb 1, 2024"], json!({"type": "date", "formats": ["%b %d, %Y"]})),
        (&["08:15", "23:59"], json!({"type": "time", "formats": ["%H:%M"]})),
        (&["8:15 AM", "11:59 pm"], json!({"type": "time", "formats": ["%I:%M %p"]})),
        (&["31/Jan/2024:08:15:00 +0100"], json!({"type": "datetime", "formats": ["%d/%b/%Y:%H:%M:%S %z"]})),
        (
            &["2024-01-31 08:15:00 UTC"],
            json!({"type": "datetime", "formats": ["%Y-%m-%d %H:%M:%S UTC"], "time_zone": "UTC"}),
        ),
        (&["1,5", "12,25", "-3", "n/a"], json!({"type": "number", "decimal_separator": ",", "null_tokens": ["n/a"]})),
        (&["Y", "N", "y"], json!({"type": "boolean", "true_tokens": ["Y", "y"], "false_tokens": ["N"]})),
        (
            &["yes", " no", "NULL"],
            json!({"type": "boolean", "true_tokens": ["yes"], "false_tokens": ["no"],
                                         "null_tokens": ["NULL"], "trim": true}),
        ),
        (&["2024-01-31", "NA"], json!({"type": "date", "null_tokens": ["NA"]})),
        (&["2024-01-31 ", "2024-02-01"], json!({"type": "date", "trim": true})),
        // What two forms read, what may be a thousand, what is no form at all.
        (&["01/02/2024", "03/04/2024"], string.clone()),
        (&["1,234", "5,678"], string.clone()),
        (&["1,234.5", "5,678.5"], string.clone()),
        (&["1,5", "1.5"], string.clone()),
        (&["12345678901234567,5"], string.clone()),
        (&["31.01.2024", "32.01.2024"], string.clone()),
        (&["yes", "maybe", "no"], string.clone()),
        (&["yes", "yes"], string.clone()),
        (&["NA", "NA"], string.clone()),
        (&["UA", "NA"], string.clone()),
        (&[" a", "b "], string.clone()),
        (&["2024-01-31 08:15:00", "2024-01-31T08:15:00.5"], string.clone()),
        (&["31.01.2024 08:15", "01.02.2024 23:59"], string),
    ] {
        for format in [BodyFormat::Csv, BodyFormat::Ndjson] {
            assert_eq!(property_of(format, values).0, expected, "{format:?} {values:?}");
        }
    }
}

#[test]
fn cells_of_csv_are_numbers_but_for_words_and_white_space() {
    for (values, expected) in [
        (&["1", "NA", "-", "2"][..], json!({"type": "integer", "null_tokens": ["NA", "-"]})),
        (&[" 1", "2 "], json!({"type": "integer", "trim": true})),
        (&["1.5", " NaN"], json!({"type": "number", "null_tokens": ["NaN"]})),
        (&["True", "FALSE"], json!({"type": "boolean"})),
        (&["1.0", "2.0"], json!({"type": "number"})),
        (&["t", "f"], json!({"type": "boolean", "true_tokens": ["t"], "false_tokens": ["f"]})),
    ] {
        let mut expected = expected;
        if values.contains(&" NaN") {
            // A word with white space around it is one once that is gone.
            expected["trim"] = true.into();
        }
        assert_eq!(property_of(BodyFormat::Csv, values).0, expected, "{values:?}");
    }
    let mixed = ndjson(&[json!({"a": 1}), json!({"a": "NA"}), json!({"a": 2})]);
    assert_eq!(mixed.schema["properties"][0], json!({"name": "a", "type": "integer", "null_tokens": ["NA"]}));
}

/// R puts texts into quotes, and `NA` not.
#[test]
fn words_without_quotes_are_null_where_every_text_has_some() {
    for (cells, tokens) in [
        (&["\"a\"", "NA", "\"b\""][..], json!(["NA"])),
        (&["\"a\"", "NA", "b"], Json::Null),
        (&["\"a\"", "NA", "\"NA\""], Json::Null),
        (&["a", "NA", "b"], Json::Null),
        (&["\"a\"", "\"NA\"", "\"b\""], Json::Null),
    ] {
        let proposal = of(BodyFormat::Csv, &format!("a,n\n{}", cells.join(",1\n") + ",2\n"));
        assert_eq!(proposal.schema["properties"][0]["null_tokens"], tokens, "{cells:?}");
        assert_eq!(proposal.schema["properties"][0]["required"].is_null(), tokens.is_array(), "{cells:?}");
    }
}

#[test]
fn the_evidence_says_what_is_not_guessed() {
    let (_, twice) = property_of(BodyFormat::Csv, &["01/02/2024", "03/04/2024"]);
    assert!(twice.contains(&"a formats 0 []".to_owned()), "{twice:?}");
    let (_, local) = property_of(BodyFormat::Csv, &["2024-01-31 08:15:00"]);
    assert!(local.contains(&"a time_zone 0 []".to_owned()), "{local:?}");
    let proposal = of(BodyFormat::Csv, "a\n31.01.2024 08:15\n");
    let found = proposal.evidence.iter().find(|found| found.choice.name() == "time_zone").unwrap();
    assert_eq!(
        found.detail,
        "all 1 texts are times without an offset; with `time_zone` and `formats` `%d.%m.%Y %H:%M` the property can be \
         `datetime`, so far `string` loses nothing"
    );
    let (_, words) = property_of(BodyFormat::Csv, &["1", "NA"]);
    assert_eq!(words, ["a null_tokens 0 []"]);
}
