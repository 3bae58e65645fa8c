//! Samples of bodies that hold columns: Arrow and Parquet.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use eider_domain::{DataType, Value};

use super::rows::TrialSchema;
use super::{Fit, Identity, Survey};
use crate::reader::columnar::{
    Arrival, ColumnSource, Trial, arrival, candidates, carried_schema, fitting_rows, form_of, unfit,
};
use crate::reader::slots::numbered;
use crate::reader::{ReadError, ReadLimits};

/// The first rows of a body.
#[derive(Debug)]
pub(crate) struct ColumnSample {
    source: Box<dyn ColumnSource>,
    /// What each column is tried as, the strictest type first.
    columns: Vec<Vec<(DataType, Trial)>>,
    limits: ReadLimits,
    most: u64,
    /// What says which forms take a text.
    schema: TrialSchema,
    pub(crate) survey: Survey,
}

impl ColumnSample {
    pub(crate) fn new(source: Box<dyn ColumnSource>, limits: ReadLimits, most: u64) -> Result<Self, ReadError> {
        let (schema, survey) = (TrialSchema::new()?, Survey::new());
        Ok(Self { source, columns: Vec::new(), limits, most, schema, survey })
    }

    pub(crate) fn is_full(&self) -> bool {
        self.survey.records() >= self.most
    }

    pub(crate) fn push(&mut self, block: &[u8]) -> Result<(), ReadError> {
        self.source.push(block)?;
        self.step()
    }

    pub(crate) fn end(&mut self) -> Result<(), ReadError> {
        self.source.end()?;
        self.step()
    }

    fn step(&mut self) -> Result<(), ReadError> {
        while !self.is_full() {
            match arrival(&mut *self.source)? {
                None => return Ok(()),
                Some(Arrival::Columns(columns)) => self.add_columns(&columns)?,
                Some(Arrival::Rows(batch)) => self.read(&batch)?,
            }
        }
        Ok(())
    }

    fn add_columns(&mut self, columns: &SchemaRef) -> Result<(), ReadError> {
        self.survey.carried = carried_schema(columns);
        let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
        for (field, name) in columns.fields().iter().zip(numbered(&names)) {
            let types = candidates(field);
            if types.is_empty() {
                return Err(ReadError::MalformedBody { detail: unfit(field) });
            }
            let place = self.survey.add_column(name.into_owned(), &types)?;
            self.survey.columns[place].form = form_of(field);
            let trial = |data_type| Ok((data_type, Trial::new(data_type, field, self.limits)?));
            self.columns.push(types.into_iter().map(trial).collect::<Result<_, ReadError>>()?);
        }
        Ok(())
    }

    /// Looks at rows, in pieces that take no more memory than those of a write.
    fn read(&mut self, batch: &RecordBatch) -> Result<(), ReadError> {
        let mut done = 0;
        while done < batch.num_rows() && !self.is_full() {
            let first_line = self.survey.records() + 1;
            let wanted = usize::try_from(self.most - self.survey.records()).unwrap_or(usize::MAX);
            let rest = batch.slice(done, (batch.num_rows() - done).min(wanted).min(self.limits.batch_rows.max(1)));
            let rows = fitting_rows(&rest, &self.limits);
            if rows == 0 {
                self.survey.refuse(first_line);
                done += 1;
                continue;
            }
            for (index, column) in rest.slice(0, rows).columns().iter().enumerate() {
                self.observe(index, column, first_line)?;
            }
            for line in (first_line..).take(rows) {
                self.survey.accept(line);
            }
            done += rows;
        }
        Ok(())
    }

    fn observe(&mut self, index: usize, column: &ArrayRef, first_line: u64) -> Result<(), ReadError> {
        let tried = self.columns[index].iter().map(|(data_type, trial)| Ok((*data_type, trial.values(column)?)));
        let tried: Vec<(DataType, Vec<Option<Value>>)> = tried.collect::<Result<_, ReadError>>()?;
        let mut fits = Vec::with_capacity(tried.len());
        let mut trial = self.schema.trial(self.limits.max_json_depth);
        for (row, line) in (0..column.len()).zip(first_line..) {
            fits.clear();
            fits.extend(tried.iter().map(|(_, values)| match &values[row] {
                None => Fit::Breaks,
                Some(Value::Null) => Fit::Null,
                Some(_) => Fit::Fits,
            }));
            let as_text = tried.iter().filter(|(data_type, _)| *data_type == DataType::String);
            let mut taken = as_text.chain(&tried);
            let value = taken.find_map(|(data_type, values)| Some((*data_type, values[row].as_ref()?)));
            match value {
                Some((_, Value::Null)) => {
                    self.survey.lack(index, line);
                }
                Some((_, Value::Text(text))) => {
                    self.survey.observe_text(index, line, &fits, text, &mut trial);
                }
                Some((_, Value::Json(_))) | None => self.survey.observe(index, line, &fits, Identity::None),
                Some((data_type, value)) => {
                    let text = value.text(data_type).unwrap_or_default();
                    self.survey.observe(index, line, &fits, Identity::Other(&text));
                }
            }
        }
        Ok(())
    }
}
