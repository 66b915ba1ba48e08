# The app with its embedded workers. compose.yaml gives the same image the commands of a scheduler and of workers.
FROM python:3.13-slim

RUN useradd --create-home nst && install --directory --owner nst --group nst /data/models /data/checkpoints
WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN python -P ui/runtime.py --set-up

# PYTHONPATH: Dask's own commands must find nst_core. HEALTH: what is asked whether the container is well.
ENV PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    NST_MODEL_DIR=/data/models KERAS_HOME=/data/models/keras TFHUB_CACHE_DIR=/data/models/tfhub \
    NST_CHECKPOINT_DIR=/data/checkpoints \
    HEALTH=http://localhost:8501/_stcore/health
USER nst
EXPOSE 8501
HEALTHCHECK --start-period=60s --timeout=10s CMD \
    ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['HEALTH'], timeout=8)"]
CMD ["streamlit", "run", "app.py"]
