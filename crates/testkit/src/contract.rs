//! What every store does, as cases that run against any of them.
//!
//! A case is a function of a [`Fixture`]: a store that is new and empty, and whatever keeps it alive.
//! [`store_contract!`](crate::store_contract) makes a test of each case of a group; a store lists the groups that it
//! promises. A store that does more than the ports say is not wrong, so no case asks for it.

#![expect(clippy::missing_panics_doc, reason = "a case panics when the store fails it")]

pub mod aggregations;
pub mod backups;
pub mod capabilities;
pub mod catalog;
pub mod changes;
pub mod concurrency;
pub mod conflicts;
pub mod cursors;
pub mod differential;
pub mod evolution;
pub mod explain;
pub mod filters;
mod fixture;
mod generated;
pub mod idempotency;
pub mod order;
pub mod pages;
pub mod patterns;
pub mod point_reads;
pub mod policies;
pub mod profiles;
pub mod quality;
pub mod round_trip;
pub mod snapshots;
pub mod unique_keys;
pub mod writes;

use std::time::Duration;

pub use fixture::{Fixture, collect};
use tokio::runtime;

/// After so long a case has not merely been slow: it hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs one case against one new store, on a runtime of its own, for two minutes at most.
pub fn run(make: impl AsyncFnOnce() -> Fixture, case: impl AsyncFnOnce(Fixture)) {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let fixture = make().await;
        tokio::time::timeout(PATIENCE, case(fixture)).await.expect("the case ends within two minutes");
    });
}

/// Makes one `#[test]` of each case of a group of the [`contract`](crate::contract).
///
/// | group | what a store promises | role |
/// |---|---|---|
/// | `core` | schemas, records and their commits | [`Store`](eider_application::ports::Store): every store |
/// | `keys` | unique properties and keys, and how rows are handled whose key is taken | `has_unique_keys` |
/// | `evolution` | schemas change in place | [`SchemaEvolution`](eider_application::ports::SchemaEvolution) |
/// | `aggregations` | statistics over groups of records | [`Aggregator`](eider_application::ports::Aggregator) |
/// | `idempotency` | answers are kept with their writes; asks for `keys` too | [`IdempotencyRecords`](eider_application::ports::IdempotencyRecords) |
/// | `rules` | rules on what is stored; asks for `keys` too | [`RuleChecker`](eider_application::ports::RuleChecker) |
/// | `profile` | what values are like | [`Profiler`](eider_application::ports::Profiler) |
/// | `explain` | what reads cost | [`Explainer`](eider_application::ports::Explainer) |
/// | `backup` | copies of everything | [`BackupSource`](eider_application::ports::BackupSource) |
///
/// The second argument is the path of a function `async fn() -> Fixture` that makes a new, empty store:
///
/// ```
/// # mod tests {
/// use std::sync::Arc;
///
/// use eider_testkit::{Fixture, MemoryStore, store_contract};
///
/// async fn fixture() -> Fixture {
///     Fixture::new(Arc::new(MemoryStore::new()))
/// }
///
/// store_contract!(core, fixture);
/// store_contract!(profile, fixture);
/// # }
/// ```
///
/// A store on disk hands its directory to [`Fixture::keeping`](crate::Fixture::keeping), and how it is opened again to
/// [`Fixture::reopening`](crate::Fixture::reopening). Give each store a
/// module of its own: the tests have the names of the cases.
#[macro_export]
macro_rules! store_contract {
    (@cases $make:path; $($module:ident: [$($case:ident)*])*) => {
        $($(
            #[test]
            fn $case() {
                $crate::contract::run($make, $crate::contract::$module::$case);
            }
        )*)*
    };
    (core, $make:path) => {
        $crate::store_contract! { @cases $make;
            capabilities: [
                what_is_durable_outlives_the_store
                unique_keys_are_kept_or_refused
                copies_are_handed_out_as_claimed
            ]
            catalog: [
                a_schema_is_found_by_its_name_in_any_case
                schemas_are_listed_by_name
                a_name_is_taken_in_any_case
                what_does_not_exist_is_not_found
                a_removed_schema_takes_its_records_with_it
                a_schema_made_anew_is_another_schema
                a_definition_comes_back_as_it_was_written
                words_of_sql_are_names_like_any_other
                five_hundred_properties_work
                statistics_count_records_and_name_the_indexes
                the_store_answers_a_check
            ]
            round_trip: [
                values_of_every_type_come_back
                the_edges_of_every_type_come_back
                nulls_come_back
                hostile_text_comes_back
                nested_json_comes_back_letter_by_letter
                an_empty_result_has_its_columns
                every_batch_has_the_schema_of_its_stream
            ]
            writes: [
                a_write_is_invisible_until_its_commit
                dropping_the_writer_discards_rows
                rows_of_a_write_are_neighbours_in_order
                records_come_in_the_order_of_commit
                a_commit_counts_its_rows
                commit_numbers_increase
                the_number_of_the_last_commit_is_told
                a_number_belongs_to_one_schema
                a_write_without_batches_changes_nothing
                a_batch_with_other_columns_is_refused
                a_commit_after_the_removal_of_the_schema_stores_nothing
                deleting_takes_the_matching_records
            ]
            conflicts: [
                an_id_in_one_write_twice_conflicts_with_the_first
                an_id_that_is_stored_conflicts
                nothing_is_stored_after_a_conflict
            ]
            changes: [
                a_created_record_is_there
                a_replacement_needs_the_version_it_expects
                a_deletion_may_expect_a_version
                a_deletion_of_too_many_deletes_none
                a_commit_can_be_waited_for
            ]
            filters: [
                comparisons_select_by_value
                comparisons_work_for_every_type
                in_selects_from_a_list
                a_list_of_ids_selects_in_the_order_of_commit
                like_matches_whole_texts
                ilike_ignores_case
                null_tests_select_by_presence
                a_null_never_matches_a_comparison
                logic_has_three_values
                empty_lists_of_parts_decide
                hostile_operands_are_only_values
                the_records_own_fields_can_be_compared
                count_counts_what_a_scan_yields
            ]
            order: [
                values_of_every_type_are_ordered
                text_is_ordered_by_code_point
                nulls_come_last_in_both_directions
                ties_are_in_the_order_of_commit
                keys_have_their_own_directions
                the_records_own_fields_can_be_sorted_by
            ]
            pages: [
                offset_and_limit_cut_the_result
                fields_come_in_the_order_of_the_projection
                positions_stand_behind_the_fields
                pages_after_positions_show_each_record_once
                pages_in_the_order_of_commit_show_each_record_once
                a_scan_goes_on_behind_the_cursor_of_any_record
                a_total_is_of_the_snapshot_of_its_records
                a_position_outlives_its_record
                records_written_between_pages_do_not_move_the_others
            ]
            point_reads: [
                a_record_is_read_by_its_id
                an_id_that_is_not_stored_reads_nothing
                a_changed_record_is_read_as_it_is_now
                a_record_deleted_by_filter_is_not_read
                a_record_made_anew_under_its_id_is_read
                a_record_of_a_removed_schema_is_not_read
                many_reads_at_once_get_each_its_own
                a_dropped_read_leaves_the_others
                readers_never_see_a_version_go_back
                a_read_after_a_commit_sees_it
            ]
            snapshots: [
                a_scan_does_not_see_later_writes
                a_scan_does_not_see_later_deletes
                a_scan_outlives_its_schema
                dropping_a_stream_frees_its_connection
                dropping_a_writer_frees_its_connection
            ]
            concurrency: [
                writers_of_one_schema_all_succeed
                of_two_writers_of_one_key_one_is_refused
                of_concurrent_creations_one_succeeds
                readers_see_whole_writes
            ]
            differential: [
                pages_by_cursor_are_the_whole_result
            ]
        }
    };
    (keys, $make:path) => {
        $crate::store_contract! { @cases $make;
            conflicts: [
                a_unique_value_may_not_come_twice
                unique_values_of_every_type_conflict
                nulls_never_conflict
                unique_text_counts_case
                every_conflicting_row_is_named_in_order
                a_row_that_conflicts_twice_counts_once
                conflicts_span_the_batches_of_a_write
            ]
            policies: [
                ignored_rows_leave_the_stored_ones
                of_ignored_rows_with_one_key_the_first_is_kept
                a_replaced_record_keeps_its_id_and_creation_and_moves_to_the_end
                of_replacing_rows_with_one_key_the_last_is_kept
                a_row_that_would_replace_several_records_is_refused
                a_row_is_stored_under_its_own_id_or_refused
                a_row_that_is_not_stored_claims_nothing
                a_write_leaves_what_its_rows_would_leave_one_by_one
                a_replaced_value_is_free_for_later_writes
                good_rows_are_stored_beside_refused_ones_where_allowed
                more_refused_rows_than_allowed_store_nothing
                a_dry_run_says_what_would_be_and_stores_nothing
                the_ids_of_stored_rows_come_in_their_order
            ]
            unique_keys: [
                a_key_of_several_may_not_come_twice
                a_null_in_a_key_conflicts_with_nothing
                keys_of_every_type_conflict
                single_changes_keep_keys_apart
                of_changes_at_once_one_has_the_key
                a_taken_key_is_passed_over_or_replaced
                soft_unique_keys_are_counted
            ]
            writes: [
                a_deleted_key_is_free_again
            ]
            changes: [
                a_taken_id_or_value_refuses_a_creation
                a_replacement_may_keep_its_unique_value_and_not_take_anothers
                changes_at_once_have_each_their_own_fate
                of_changes_of_one_record_at_once_one_wins
            ]
            pages: [
                a_changed_record_is_where_its_keys_now_put_it
            ]
            point_reads: [
                a_replaced_record_is_read_as_the_write_left_it
            ]
            differential: [
                generated_queries_agree_with_the_memory_store
            ]
        }
    };
    (evolution, $make:path) => {
        $crate::store_contract! { @cases $make;
            evolution: [
                properties_come_go_and_change_their_names
                a_required_property_comes_beside_an_index
                types_widen_with_their_values
                a_change_does_what_its_dry_run_promised
                a_value_that_would_be_lost_contradicts
                what_records_lack_cannot_be_required
                stored_values_can_contradict_a_constraint
                what_comes_twice_cannot_be_unique
                indexes_come_and_go
                names_can_be_swapped
                versions_are_remembered
                a_version_that_has_gone_is_told_so
                a_scan_outlives_a_change_of_its_schema
                a_write_outlives_a_change_that_does_not_concern_it
                changes_at_once_come_one_after_the_other
                the_order_of_commit_goes_on
            ]
            catalog: [
                the_records_of_several_schemas_are_counted_at_once
            ]
            cursors: [
                cursors_belong_to_the_properties_of_their_query
            ]
            unique_keys: [
                keys_come_and_go_with_a_change_of_the_schema
                a_key_concerns_a_write_that_has_begun
            ]
        }
    };
    (aggregations, $make:path) => {
        $crate::store_contract! { @cases $make;
            aggregations: [
                every_function_works_on_what_it_applies_to
                all_records_are_one_group_without_keys
                null_is_a_key_and_never_part_of_a_figure
                values_of_every_type_make_groups
                times_are_cut_to_every_unit
                a_filter_chooses_records_and_having_groups
                groups_come_in_their_order
                columns_may_have_the_names_of_fields
                a_sum_that_does_not_fit_its_type_is_refused
                figures_fit_whatever_comes_on_the_way_to_them
                sums_and_means_lose_nothing_that_cancels
                an_estimate_is_never_beyond_what_there_is
                generated_aggregations_agree_with_the_memory_store
            ]
        }
    };
    (idempotency, $make:path) => {
        $crate::store_contract! { @cases $make;
            idempotency: [
                an_answer_is_kept_with_its_write
                an_answer_is_kept_with_a_creation
                an_answer_names_the_rows_that_were_refused
            ]
        }
    };
    (rules, $make:path) => {
        $crate::store_contract! { @cases $make;
            quality: [
                every_rule_finds_what_breaks_it
                rules_look_at_values_of_every_type
                rules_find_what_the_memory_store_finds
                duplicates_are_all_but_the_first
                issues_beyond_the_room_are_counted
                a_validation_is_one_snapshot
                dropping_a_validation_frees_its_connection
                suggestions_are_written_in_one_commit
                rules_are_applied_one_after_the_other
                suggestions_that_undo_each_other_come_to_an_end
                suggestions_are_those_for_what_is_stored_now
                a_record_that_was_mended_is_read_by_its_id
                suggestions_that_the_schema_refuses_write_nothing
                a_validation_of_a_removed_schema_is_not_found
            ]
            patterns: [
                a_pattern_means_what_it_means_in_a_schema
            ]
            unique_keys: [
                suggestions_do_not_make_records_share_a_key
                a_validation_finds_keys_that_are_shared
            ]
        }
    };
    (profile, $make:path) => {
        $crate::store_contract! { @cases $make;
            profiles: [
                a_profile_has_the_statistics_of_every_type
                a_profile_is_of_the_records_that_match
                a_profile_has_the_fields_that_are_asked_for
                long_texts_are_cut_in_a_profile
                large_numbers_have_a_profile
                quantiles_of_a_profile_are_near
                generated_profiles_agree_with_the_memory_store
            ]
        }
    };
    (explain, $make:path) => {
        $crate::store_contract! { @cases $make;
            explain: [
                a_plan_says_how_many_records_a_read_yields
                estimates_say_how_many_records_share_a_value
            ]
            capabilities: [
                indexes_serve_as_claimed
            ]
        }
    };
    (backup, $make:path) => {
        $crate::store_contract! { @cases $make;
            backups: [
                a_copy_says_what_it_holds
                one_copy_is_taken_at_a_time
            ]
        }
    };
}
