//! What a store tells those who operate it: metrics that it names and describes itself.

/// How often a value was how large.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Distribution {
    /// Upper bound, inclusive, and how many lie between it and the bound before. The last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// All values added up.
    pub sum: f64,
}

impl Distribution {
    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// The value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricValue {
    /// What there is now.
    Gauge(u64),
    /// How long something took the last time, in seconds.
    LastTime(f64),
    /// What was counted since the store was opened.
    Counter(u64),
    /// How values were distributed since the store was opened.
    Histogram(Distribution),
}

/// A metric of a store. Operators see it under the name `eider_<name>`, with the unit behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name: lower case with `_`, without prefix, unit and `_total`.
    pub name: &'static str,
    /// What it measures, in one sentence without a full stop.
    pub help: &'static str,
    /// Its unit; none for a number of things.
    pub unit: Option<MetricUnit>,
    /// What tells its samples apart, if it has several.
    pub label: Option<&'static str>,
    /// The value of the label, empty without one, and the value of the metric; all of one kind.
    pub samples: Vec<(String, MetricValue)>,
}

impl Metric {
    /// A metric of one value.
    pub fn new(name: &'static str, help: &'static str, value: MetricValue) -> Self {
        Self { name, help, unit: None, label: None, samples: vec![(String::new(), value)] }
    }

    /// A metric of one value for each value of a label.
    pub fn labelled<L: Into<String>>(
        name: &'static str,
        help: &'static str,
        label: &'static str,
        samples: impl IntoIterator<Item = (L, MetricValue)>,
    ) -> Self {
        let samples = samples.into_iter().map(|(label, value)| (label.into(), value)).collect();
        Self { name, help, unit: None, label: Some(label), samples }
    }

    /// The same metric in a unit.
    #[must_use]
    pub fn in_unit(mut self, unit: MetricUnit) -> Self {
        self.unit = Some(unit);
        self
    }
}

/// The metrics of a store, in the order in which operators see them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoreMetrics(pub Vec<Metric>);

impl StoreMetrics {
    /// The samples of the metric of a name; none of one that the store does not have.
    pub fn samples(&self, name: &str) -> &[(String, MetricValue)] {
        self.0.iter().find(|metric| metric.name == name).map_or(&[], |metric| &metric.samples)
    }

    /// The gauge or counter of a name.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.samples(name).first()? {
            (_, MetricValue::Gauge(value) | MetricValue::Counter(value)) => Some(*value),
            (_, MetricValue::LastTime(_) | MetricValue::Histogram(_)) => None,
        }
    }

    /// The gauges or counters of a name, by the value of their label.
    pub fn numbers(&self, name: &str) -> impl Iterator<Item = (&str, u64)> {
        self.samples(name).iter().filter_map(|(label, value)| match value {
            MetricValue::Gauge(value) | MetricValue::Counter(value) => Some((label.as_str(), *value)),
            MetricValue::LastTime(_) | MetricValue::Histogram(_) => None,
        })
    }

    /// The histogram of a name.
    pub fn histogram(&self, name: &str) -> Option<&Distribution> {
        match self.samples(name).first()? {
            (_, MetricValue::Histogram(distribution)) => Some(distribution),
            _ => None,
        }
    }
}
