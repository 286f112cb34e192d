"""What this project adds to Airflow: its pages, what its DAG files share, and the first preparation of Airflow's database."""
