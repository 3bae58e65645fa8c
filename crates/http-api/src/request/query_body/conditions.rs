//! Trees of conditions.

use eider_application::ErrorCode;
use eider_domain::{Condition, Filter, Operator};
use serde_json::Value as Json;

use super::Resolve;
use super::members::{Members, list};
use crate::HttpSettings;
use crate::error::ApiError;
use crate::query_string::bounds::Bounds;

/// Reads the trees of one query, whose conditions are counted together.
#[derive(Debug)]
pub(super) struct Conditions {
    left: usize,
    /// `and`, `or` and `not`: as many as conditions.
    joints_left: usize,
    most: usize,
    max_depth: usize,
    bounds: Bounds,
}

impl Conditions {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        let HttpSettings { max_conditions, max_filter_depth, .. } = *settings;
        let bounds = Bounds::new(settings);
        Self {
            left: max_conditions,
            joints_left: max_conditions,
            most: max_conditions,
            max_depth: max_filter_depth,
            bounds,
        }
    }

    /// The same for a further tree, when the conditions of `filter` have been read.
    pub(super) fn after(settings: &HttpSettings, filter: &Filter) -> Self {
        let fresh = Self::new(settings);
        Self { left: fresh.left.saturating_sub(filter.condition_count()), ..fresh }
    }

    /// The filter of a tree: `{"and": […]}`, `{"or": […]}`, `{"not": …}`, or `{"field", "op", "value"}`.
    pub(super) fn filter(&mut self, tree: &Json, at: &str, resolve: &mut Resolve<'_>) -> Result<Filter, ApiError> {
        self.node(tree, at, 1, resolve)
    }

    fn node(&mut self, tree: &Json, at: &str, depth: usize, resolve: &mut Resolve<'_>) -> Result<Filter, ApiError> {
        if depth > self.max_depth {
            let detail = format!("conditions are nested {} deep at most", self.max_depth);
            return Err(ApiError::new(ErrorCode::QueryTooComplex, detail).at(at));
        }
        let joint = tree.as_object().filter(|object| object.len() == 1).and_then(|object| object.iter().next());
        let joint = joint.map(|(name, part)| (name.as_str(), part));
        match joint {
            Some(("and" | "or" | "not", _)) => count(&mut self.joints_left, "joints of conditions", self.most, at)?,
            _ => count(&mut self.left, "conditions", self.most, at)?,
        }
        match joint {
            Some(("and", parts)) => Ok(Filter::And(self.nodes(parts, &format!("{at}/and"), depth, resolve)?)),
            Some(("or", parts)) => Ok(Filter::Or(self.nodes(parts, &format!("{at}/or"), depth, resolve)?)),
            Some(("not", part)) => {
                Ok(Filter::Not(Box::new(self.node(part, &format!("{at}/not"), depth + 1, resolve)?)))
            }
            _ => self.condition(tree, at, resolve),
        }
    }

    fn nodes(
        &mut self,
        parts: &Json,
        at: &str,
        depth: usize,
        resolve: &mut Resolve<'_>,
    ) -> Result<Vec<Filter>, ApiError> {
        list(Some(parts), at)?.map(|(part, at)| self.node(part, &at, depth + 1, resolve)).collect()
    }

    fn condition(&mut self, condition: &Json, at: &str, resolve: &mut Resolve<'_>) -> Result<Filter, ApiError> {
        let members = Members::of(condition, at, &["field", "op", "operator", "value", "and", "or", "not"])?;
        members.refuse(&["and", "or", "not"], "it stands alone: an object is a condition or a joint of conditions")?;
        let operator = match members.text("op")? {
            Some(operator) => operator,
            None => members.text("operator")?.ok_or_else(|| ApiError::body(at, "`op` is missing"))?,
        };
        let field = resolve(members.required_text("field")?).map_err(|error| error.at(at))?;
        let operator = Operator::parse(operator).map_err(|error| ApiError::from(error).at(at))?;
        let value = members.get("value").unwrap_or(&Json::Null);
        self.bounds.check(operator, value).map_err(|error| error.at(at))?;
        let condition = Condition::from_json(field, operator, value).map_err(|error| ApiError::from(error).at(at))?;
        Ok(condition.into())
    }
}

fn count(left: &mut usize, what: &str, most: usize, at: &str) -> Result<(), ApiError> {
    *left = left.checked_sub(1).ok_or_else(|| {
        ApiError::new(ErrorCode::QueryTooComplex, format!("a query has at most {most} {what}")).at(at)
    })?;
    Ok(())
}
