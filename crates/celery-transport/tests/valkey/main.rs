//! The Valkey driver against a real server.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

mod asking;
mod changing_queues;
mod closing;
mod contract;
mod costs;
mod delivery_limit;
mod errors;
mod fetching;
mod herd;
mod leases;
mod lost_replies;
mod odd_messages;
mod parking;
mod proxy;
mod publishing;
mod replies;
mod settling;
mod several;
mod sorted;
mod sorted_due;
mod sorted_order;
mod sorted_parking;
mod sorted_publishing;
mod statistics;
mod steady;
mod streams;
mod subscribing;
mod support;
mod switching;
mod visibility;
mod waiting;
