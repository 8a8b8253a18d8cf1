"""What the DAGs and the Airflow plugin share. DAGs import it as `streams`: Airflow puts plugins/ on sys.path."""
