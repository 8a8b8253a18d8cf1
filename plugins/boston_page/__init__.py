"""The Streams page in Airflow's UI: hand-written ES modules in `js/`, and the routes that they read, all GET."""
