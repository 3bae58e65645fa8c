//! From JSON to a change of a definition, with every violation reported.

use serde_json::{Map, Value as Json};

use super::Evolution;
use crate::schema::Report;
use crate::violation::pointer_to;
use crate::{DataType, DialectOption, SchemaDefinition, Violation, ViolationCode};

const KEYS: [&str; 6] = ["description", "drop", "change", "add", "unique", "id_from"];

/// The pointer of a property that a change does not speak of.
const UNSPOKEN: &str = "/change";

/// A property of the next definition on its way there.
struct Candidate {
    document: Json,
    origin: Option<usize>,
    /// Where in the change it is spoken of.
    pointer: String,
}

pub(super) fn evolution(current: &SchemaDefinition, document: &Json) -> Result<Evolution, Vec<Violation>> {
    let mut report = Report::default();
    let Some(patch) = report.object("", document, &KEYS) else { return Err(report.into_violations()) };
    let drop = dropped(&mut report, current, patch.get("drop"));
    let mut changes = changed(&mut report, current, patch.get("change"));
    let mut next = current.to_json();
    let Json::Array(properties) = next["properties"].take() else { return Err(report.into_violations()) };
    let mut candidates = Vec::new();
    for (index, mut document) in properties.into_iter().enumerate() {
        let change = changes.iter().position(|(place, ..)| *place == index).map(|at| changes.swap_remove(at));
        if drop.contains(&index) {
            if let Some((_, pointer, _)) = change {
                report.add(&pointer, ViolationCode::ContradictoryChange, "the property is dropped in the same change");
            }
            continue;
        }
        let mut pointer = UNSPOKEN.to_owned();
        if let Some((_, at, change)) = change {
            merge_property(&mut document, change);
            pointer = at;
        }
        candidates.push(Candidate { document, origin: Some(index), pointer });
    }
    candidates.extend(added(&mut report, patch.get("add")));
    if let Some(description) = patch.get("description") {
        next["description"] = description.clone();
    }
    match patch.get("unique") {
        Some(keys) => next["unique"] = keys.clone(),
        None => keep_keys(&mut report, current, &drop, &candidates, &mut next),
    }
    match patch.get("id_from") {
        Some(name) => next["id_from"] = name.clone(),
        None => keep_id_source(&mut report, current, &drop, &candidates, &mut next),
    }
    let origins: Vec<Option<usize>> = candidates.iter().map(|candidate| candidate.origin).collect();
    let names: Vec<Option<String>> =
        candidates.iter().map(|candidate| candidate.document["name"].as_str().map(str::to_ascii_lowercase)).collect();
    let (documents, pointers): (Vec<Json>, Vec<String>) =
        candidates.into_iter().map(|candidate| (candidate.document, candidate.pointer)).unzip();
    next["properties"] = documents.into();
    let next = match SchemaDefinition::parse(&next) {
        Ok(next) => next,
        Err(violations) => {
            report.extend(violations.into_iter().map(|violation| addressed(violation, &pointers, &names)));
            return Err(report.into_violations());
        }
    };
    for (property, (origin, pointer)) in next.properties().iter().zip(origins.iter().zip(&pointers)) {
        let Some(was) = origin.map(|index| &current.properties()[index]) else { continue };
        if !was.data_type.widens_to(property.data_type) {
            let detail = format!("not every `{}` can be had as `{}`", was.data_type, property.data_type);
            report.add(&format!("{pointer}/type"), ViolationCode::NotWider, detail);
        }
    }
    let violations = report.into_violations();
    if violations.is_empty() { Ok(Evolution { next, origins, pointers }) } else { Err(violations) }
}

/// The keys of several properties, which nobody speaks of, by the names that the properties will have.
fn keep_keys(
    report: &mut Report,
    current: &SchemaDefinition,
    dropped: &[usize],
    candidates: &[Candidate],
    next: &mut Json,
) {
    let mut documents = next["unique"].take();
    for (key, document) in current.unique_keys().iter().zip(documents.as_array_mut().into_iter().flatten()) {
        for (place, name) in key.properties.iter().zip(document["properties"].as_array_mut().into_iter().flatten()) {
            if dropped.contains(place) {
                let detail = format!("a unique key has the property {name}; `unique` has to say which keys remain");
                return report.add("/drop", ViolationCode::ContradictoryChange, detail);
            }
            let kept = candidates.iter().find(|candidate| candidate.origin == Some(*place));
            if let Some(renamed) = kept.and_then(|kept| kept.document["name"].as_str()) {
                *name = renamed.into();
            }
        }
    }
    next["unique"] = documents;
}

/// The property that ids are made of, of which nobody speaks, by the name that it will have.
fn keep_id_source(
    report: &mut Report,
    current: &SchemaDefinition,
    dropped: &[usize],
    candidates: &[Candidate],
    next: &mut Json,
) {
    let Some(place) = current.id_source() else { return };
    if dropped.contains(&place) {
        let detail = "record ids are made of the property; `id_from` has to say of which they are made now, or be null";
        return report.add("/drop", ViolationCode::ContradictoryChange, detail);
    }
    if let Some(kept) = candidates.iter().find(|candidate| candidate.origin == Some(place)) {
        next["id_from"] = kept.document["name"].clone();
    }
}

/// A violation of the next definition, at the place in the change that brought it about. Of two properties with one name that is the
/// one that the change speaks of.
pub(super) fn addressed(mut violation: Violation, pointers: &[String], names: &[Option<String>]) -> Violation {
    let Some(rest) = violation.pointer.strip_prefix("/properties") else { return violation };
    let (index, rest) = rest
        .trim_start_matches('/')
        .split_once('/')
        .map_or_else(|| (rest.trim_start_matches('/'), String::new()), |(index, rest)| (index, format!("/{rest}")));
    let spoken_of = |index: usize| {
        let pointer = pointers.get(index)?;
        if pointer != UNSPOKEN {
            return Some(pointer);
        }
        let name = names.get(index)?.as_ref()?;
        let others = names.iter().zip(pointers).filter(|(other, _)| other.as_ref() == Some(name));
        others.map(|(_, pointer)| pointer).find(|pointer| *pointer != UNSPOKEN).or(Some(pointer))
    };
    violation.pointer = match index.parse::<usize>().ok().and_then(spoken_of) {
        Some(pointer) => format!("{pointer}{rest}"),
        None => "/drop".to_owned(),
    };
    violation
}

/// The places of the properties that are dropped.
fn dropped(report: &mut Report, current: &SchemaDefinition, value: Option<&Json>) -> Vec<usize> {
    let names = match value {
        None | Some(Json::Null) => return Vec::new(),
        Some(Json::Array(names)) => names,
        Some(other) => {
            report.mismatch("/drop", "array", other);
            return Vec::new();
        }
    };
    let mut places = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let pointer = format!("/drop/{index}");
        if let Json::String(name) = name {
            places.extend(report.place_of(&pointer, name, current.properties()));
        } else {
            report.mismatch(&pointer, "string", name);
        }
    }
    places
}

/// The properties that are changed: their places, where the change speaks of them, and what it says.
fn changed<'d>(
    report: &mut Report,
    current: &SchemaDefinition,
    value: Option<&'d Json>,
) -> Vec<(usize, String, &'d Map<String, Json>)> {
    let changes = match value {
        None | Some(Json::Null) => return Vec::new(),
        Some(Json::Object(changes)) => changes,
        Some(other) => {
            report.mismatch("/change", "object", other);
            return Vec::new();
        }
    };
    let mut found: Vec<(usize, String, &Map<String, Json>)> = Vec::new();
    for (name, change) in changes {
        let pointer = pointer_to("/change", name);
        let Json::Object(change) = change else {
            report.mismatch(&pointer, "object", change);
            continue;
        };
        let Some(place) = report.place_of(&pointer, name, current.properties()) else { continue };
        if found.iter().any(|(other, ..)| *other == place) {
            report.add(
                &pointer,
                ViolationCode::ContradictoryChange,
                "the property is changed twice; case does not count",
            );
            continue;
        }
        found.push((place, pointer, change));
    }
    found
}

fn added(report: &mut Report, value: Option<&Json>) -> Vec<Candidate> {
    match value {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(properties)) => {
            let candidates = properties.iter().enumerate().map(|(index, document)| Candidate {
                document: document.clone(),
                origin: None,
                pointer: format!("/add/{index}"),
            });
            candidates.collect()
        }
        Some(other) => {
            report.mismatch("/add", "array", other);
            Vec::new()
        }
    }
}

/// Merges a change into a property (RFC 7396). What belongs to a type alone goes with it.
fn merge_property(property: &mut Json, change: &Map<String, Json>) {
    let is_retyped = change.get("type").is_some_and(|name| *name != property["type"]);
    if let (true, Json::Object(property)) = (is_retyped, &mut *property) {
        property.remove("precision");
        property.remove("scale");
        if let Some(next) = change["type"].as_str().and_then(DataType::of_name) {
            property.retain(|key, _| {
                DialectOption::ALL.iter().all(|option| option.name() != key || option.applies_to(next))
            });
        }
    }
    merge(property, change);
}

fn merge(target: &mut Json, patch: &Map<String, Json>) {
    if !target.is_object() {
        *target = Json::Object(Map::new());
    }
    let Json::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else if let Json::Object(patch) = value
            && key != "default"
        {
            merge(target.entry(key).or_insert(Json::Null), patch);
        } else {
            target.insert(key.clone(), value.clone());
        }
    }
}
