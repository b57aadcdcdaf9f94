"""Two folders of pictures as unpaired domains."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from dcgan_lightning.config.data import domain_name
from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data.domains import DomainsDataModule
from dcgan_lightning.data.fashion_mnist.located import Split
from dcgan_lightning.data.image_folder.datamodule import ImageFolderDataModule


class ImageFolderDomains(DomainsDataModule):
    """Two of the folders directly below a folder, or one of them and a transformation of it.

    Args:
        domains: Names of the folders, in any spelling, or a folder and one of `CHANGES`. None: the folder has
            exactly two folders.
        batch_size: Images per iteration over all processes, half of them of each domain.
        seed: The run's seed.
        **settings: Further arguments of `ImageFolderDataModule`.
    """

    def __init__(
        self, domains: Sequence[str | int] | None = None, batch_size: int = 32, seed: int = 0, **settings: Any
    ) -> None:
        super().__init__(ImageFolderDataModule(batch_size, seed, **settings), (), domains or ("", ""))
        self._has_choice = domains is not None

    @property
    def fingerprint(self) -> dict[str, Any]:
        """That of the whole folder."""
        return self.whole.fingerprint

    def prepare_data(self) -> None:
        """Make the images unless they are in the cache, and find the domains.

        Raises:
            DataError: The images are unavailable, or the folder does not have these domains.
        """
        self.whole.prepare_data()
        self._find_domains()
        super().prepare_data()

    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return the images of both domains and their labels (see `DomainsDataModule.load_split`)."""
        self._find_domains()
        return super().load_split(split)

    def _find_domains(self) -> None:
        names = [domain_name(name) for name in self.whole.fingerprint["data.class_names"]]
        if not names:
            raise DataError(
                f"{self.whole.source} have no domains: put the pictures of each domain into a folder of its "
                "own directly below it"
            )
        if len({*names}) < len(names):
            raise DataError(
                f"{self.whole.source}: two folders have the same name but for its spelling; rename one"
            )
        self.class_names = tuple(names)
        if not self._has_choice:
            if len(names) != 2:
                raise DataError(
                    f"{self.whole.source} lie in {len(names)} folders ({', '.join(names)}); choose two with "
                    f"data.domains=[{','.join([*names, 'negative'][:2])}]"
                )
            self.domains = (names[0], names[1])
