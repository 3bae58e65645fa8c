//! The text format of Prometheus (0.0.4), made of that of `OpenMetrics`, which has all of it.
//!
//! Of the two, the first names the type of a series by its whole name (`requests_total`, `build_info`), knows neither units
//! nor an end, and calls what is of no type otherwise. Nothing here has exemplars, which it does not know either.

use std::fmt::Write as _;

/// The same metrics in the text format of Prometheus.
pub(crate) fn of_open_metrics(metrics: &str) -> String {
    let mut out = String::with_capacity(metrics.len() + metrics.len() / 8);
    let mut help = None;
    for line in metrics.lines() {
        if let Some(said) = line.strip_prefix("# HELP ") {
            // Its name depends on the type, which comes behind it.
            help = said.split_once(' ').map(|(_, text)| text);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some(text) = help.take() {
                let _ = writeln!(out, "# HELP {name}{suffix} {text}");
            }
            let _ = writeln!(out, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_their_series_and_nothing_is_lost() {
        let metrics = "# HELP reads Reads of records.\n# TYPE reads counter\nreads_total{a=\"# x\"} 3\n\
                       # HELP took_seconds How long.\n# TYPE took_seconds histogram\n# UNIT took_seconds seconds\n\
                       took_seconds_sum 0.5\ntook_seconds_bucket{le=\"+Inf\"} 1\ntook_seconds_count 1\n\
                       # HELP build What this is.\n# TYPE build info\nbuild_info{version=\"1\"} 1\n\
                       # HELP other Something.\n# TYPE other unknown\nother 2\n# EOF\n";
        let expected = "# HELP reads_total Reads of records.\n# TYPE reads_total counter\nreads_total{a=\"# x\"} 3\n\
                        # HELP took_seconds How long.\n# TYPE took_seconds histogram\n\
                        took_seconds_sum 0.5\ntook_seconds_bucket{le=\"+Inf\"} 1\ntook_seconds_count 1\n\
                        # HELP build_info What this is.\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n\
                        # HELP other Something.\n# TYPE other untyped\nother 2\n";
        assert_eq!(of_open_metrics(metrics), expected);
    }
}
