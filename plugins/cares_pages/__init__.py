"""What this project adds to Airflow: its pages, and the first preparation of Airflow's database."""
