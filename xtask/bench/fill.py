"""Fills a queue of RabbitMQ with messages as a stock producer writes them."""

from tasks import app


def queue(task, count, first_id):
    """Send `task` so many times, with the numbers from zero as arguments; ids end in the number."""
    with app.producer_pool.acquire(block=True) as producer:
        app.amqp.queues["celery"].bind(producer.channel).declare()
        for number in range(count):
            task_id = first_id[:-12] + f"{number:012x}"
            message = app.amqp.as_task_v2(task_id, task, (number,))
            headers = {"lang": "py", "task": task, **message.headers}
            producer.publish(
                message.body, routing_key="celery", serializer="json", headers=headers, delivery_mode=2, **message.properties
            )
    return count
