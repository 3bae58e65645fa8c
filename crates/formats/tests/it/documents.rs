//! What the documents say of the formats is what the table says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use eider_formats::Format;

/// The first cells of the tables of a page whose header rows begin with `header`, with the words in backticks.
fn first_cells(page: &str, header: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = page.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| line.starts_with(header)).map(|(index, _)| index + 2);
    let rows = starts.flat_map(|start| lines[start..].iter().take_while(|line| line.starts_with('|')));
    rows.map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2).map(str::to_owned).collect())
        .collect()
}

#[test]
fn the_pages_of_the_api_list_the_formats_that_there_are() {
    let read = |page: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/api").join(page);
        fs::read_to_string(path).unwrap()
    };
    let (bulk, formats) = (read("bulk.md"), read("formats.md"));

    let bodies: BTreeSet<Vec<String>> = first_cells(&bulk, "| `Content-Type` | body |").into_iter().collect();
    let names = |format: Format| -> Vec<String> {
        let of_media_type = |m: &eider_formats::MediaType| [&[m.essence], m.synonyms, m.bodies].concat();
        format.media_types().iter().flat_map(of_media_type).map(str::to_owned).collect()
    };
    assert_eq!(bodies, Format::read().map(names).collect());

    let answers: Vec<Vec<String>> = first_cells(&formats, "| `format` | media type |");
    let names = Format::written().flat_map(Format::media_types).map(|media_type| vec![media_type.name.to_owned()]);
    assert_eq!(answers, names.collect::<Vec<_>>());
    for media_type in Format::written().flat_map(Format::media_types) {
        let row = format!("| `{}` | `{}` |", media_type.name, media_type.essence);
        assert!(formats.contains(&row), "docs/reference/api/formats.md has no row that begins with {row}");
    }
}
