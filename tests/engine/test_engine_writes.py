"""The engine's conditional writes are atomic: every claim and lock relies on that."""

from concurrent.futures import ThreadPoolExecutor

import boto3

from local.deploy import DeployedStack


def test_a_conditional_put_has_one_winner_among_16_threads(small: DeployedStack) -> None:
    dynamodb = boto3.client("dynamodb", **small.engine.access)

    def put(name: str, writer: int) -> bool:
        try:
            dynamodb.put_item(
                TableName=small.outputs["SeenTable"],
                Item={"name": {"S": name}, "writer": {"N": str(writer)}},
                ConditionExpression="attribute_not_exists(#name)",
                ExpressionAttributeNames={"#name": "name"},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        for number in range(20):
            wins = list(pool.map(put, [f"race {number}"] * 16, range(16)))
            assert wins.count(True) == 1
