//! What the values of a schema are like.

use std::sync::Arc;

use eider_domain::Schema;
use tracing::instrument;

use crate::ports::{DataProfile, ProfileRequest, offered};
use crate::runtime::timings::{Stage, timed};
use crate::{Error, QueryService};

impl QueryService {
    /// Statistics of the values of matching records: one pass over them, and one over each field for its most
    /// frequent values, all of one snapshot and in bounded memory. Dropping the future stops it.
    ///
    /// # Errors
    /// [`Error::Store`].
    #[instrument(name = "records.profile", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn profile(&self, schema: &Arc<Schema>, request: &ProfileRequest) -> Result<DataProfile, Error> {
        let profiler = offered(self.store.profiler(), "profiles")?;
        Ok(timed(Stage::Store, profiler.profile(schema, request)).await?)
    }
}
