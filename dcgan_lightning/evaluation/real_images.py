"""Real images for comparison with generated ones, with cached features."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.evaluation.class_scores import draw_of_classes
from dcgan_lightning.evaluation.distances import nearest_others, nearest_rows
from dcgan_lightning.evaluation.features import FeatureNetwork, check_images, is_reduced, load_features
from dcgan_lightning.evaluation.newness import Nearest
from dcgan_lightning.evaluation.own_classifiers import OwnClassifiers

Kept = TypeVar("Kept")


@dataclass(frozen=True, eq=False)
class RealImages:
    """Real images for comparison with generated ones; features and distances are cached.

    Attributes:
        reference: Images of the target distribution, uint8 (N, C, H, W): the test images, or during
            training a part of the training images.
        train: The generator's training images, for newness, uint8 (M, C, H, W).
        train_labels: Classes of the training images, int64 (M,).
        reference_labels: Classes of the reference images, for the scores of classes, int64 (N,).
        has_garments: Whether the classes are those of Fashion-MNIST, as the shipped classifiers require.
        own: Classifiers that were trained on these images.
    """

    reference: Tensor
    train: Tensor | None = None
    train_labels: Tensor | None = None
    reference_labels: Tensor | None = None
    has_garments: bool = True
    own: OwnClassifiers | None = None
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_images(self.reference, self.shape)
        if self.train is not None:
            check_images(self.train, self.shape)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of the images."""
        channels, height, width = self.reference.shape[1:]
        return channels, height, width

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        return self.own.class_names if self.own else CLASS_NAMES

    def reference_features(self, network: FeatureNetwork) -> Tensor:
        """Return the features (N, D) of the reference images, in their `canonical_order`."""
        return self._keep(
            (network.key, "reference"), lambda: network(self.reference[canonical_order(self.reference)])
        )

    def ordered_labels(self) -> Tensor:
        """Return the classes (N,) of the reference images, in the order of `reference_features`."""
        assert self.reference_labels is not None
        return self.reference_labels[canonical_order(self.reference)]

    def like(self, labels: Tensor) -> Tensor | None:
        """Return a different training image for each label, int64 (N,), or None if there are too few."""
        if self.train is None or self.train_labels is None:
            return None
        rows = draw_of_classes(labels, self.train_labels)
        return None if rows is None else self.train[rows]

    def nearest(self, images: Tensor, space: FeatureNetwork, features: Tensor | None = None) -> Nearest:
        """Return the nearest training image of each image, cached for networks that share the pixels.

        Args:
            images: uint8 (n, C, H, W).
            space: The feature network whose features define the distances.
            features: The images' features (n, D), if they are known.
        """
        digest = hashlib.sha256(images.cpu().contiguous().numpy().data).hexdigest()
        return self._keep((space.key, digest), lambda: self._find_nearest(images, space, features))

    def _find_nearest(self, images: Tensor, space: FeatureNetwork, features: Tensor | None) -> Nearest:
        if self.train is None:
            raise ScoreError("newness needs the training images: RealImages(reference, train)")
        if space.name == "pixels" and not is_reduced(self.shape):  # these features are the bytes, scaled
            queries, rows = (part.flatten(1).to(space.device) for part in (images, self.train))
            distances, indices = nearest_rows(queries, rows)
            return Nearest(distances / 127.5, indices)
        features = space(images) if features is None else features
        return Nearest(*nearest_rows(features, self._train_features(space, self.train)))

    def pixels(self, network: FeatureNetwork) -> FeatureNetwork:
        """Return the feature network of the pixels, on the network's device."""
        if network.name == "pixels":
            return network
        return load_features("pixels", device=network.device, shape=self.shape)

    def reference_distances(self, space: FeatureNetwork) -> Tensor:
        """Return the reference images' distances (N,) to their nearest training images.

        If these are the reference images themselves, the distances are those to the nearest other one.
        """
        if self.train is self.reference:
            return self._keep(
                (space.key, "others"), lambda: nearest_others(self._train_features(space, self.reference))
            )
        return self.nearest(self.reference, space).distances

    def _train_features(self, space: FeatureNetwork, train: Tensor) -> Tensor:
        return self._keep((space.key, "train"), lambda: space(train))

    def _keep(self, key: Any, compute: Callable[[], Kept]) -> Kept:
        if key not in self._kept:
            self._kept[key] = compute()
        return cast(Kept, self._kept[key])


def canonical_order(images: Tensor) -> Tensor:
    """Return the order of images by their bytes, which does not depend on the order in which they are given.

    Args:
        images: uint8 (N, ...).

    Returns:
        int64 (N,), indices.
    """
    flat = np.ascontiguousarray(images.cpu().flatten(1).numpy())
    return torch.from_numpy(np.argsort(flat.view(f"S{flat.shape[1]}").ravel(), kind="stable"))
