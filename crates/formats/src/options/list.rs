//! Lists of names in one text: between commas, a name with commas or quotes in quotes, as a record of CSV is.

/// The names of a list, at least one.
pub(super) fn parse(text: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (name, behind) = match text.strip_prefix('"') {
            Some(inner) => quoted(inner)?,
            None => match text.split_once(',') {
                Some((name, behind)) => (name.to_owned(), Some(behind)),
                None => (text.to_owned(), None),
            },
        };
        if name.is_empty() {
            return Err("it takes names between commas, none of them empty".to_owned());
        }
        names.push(name);
        rest = behind;
    }
    Ok(names)
}

/// A name that begins behind its quote, and what is behind its comma.
fn quoted(inner: &str) -> Result<(String, Option<&str>), String> {
    let mut name = String::new();
    let mut rest = inner;
    loop {
        let (text, behind) = rest.split_once('"').ok_or("the quotes of a name are not closed")?;
        name.push_str(text);
        match behind.chars().next() {
            Some('"') => {
                name.push('"');
                rest = &behind[1..];
            }
            Some(',') => return Ok((name, Some(&behind[1..]))),
            None => return Ok((name, None)),
            Some(_) => return Err("there is text behind the quotes of a name".to_owned()),
        }
    }
}

/// A list as [`parse`] takes it.
pub(super) fn text_of(names: &[String]) -> String {
    let quoted = |name: &String| {
        if name.contains([',', '"']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.clone() }
    };
    names.iter().map(quoted).collect::<Vec<_>>().join(",")
}
